// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/frame.hpp"
#include "common/process_tree.hpp"
#include "common/protocol.hpp"
#include "common/unix_socket.hpp"
#include "tests/support/child.hpp"
#include "tests/support/deadline.hpp"
#include "tests/support/temp_dir.hpp"

namespace ptyd::test {

inline constexpr char kTestSessionId[] = "0123456789abcdef";

// One end of a connection of frames, read with deadlines.
class FrameSocket {
 public:
  FrameSocket() = default;
  explicit FrameSocket(UniqueFd socket) : socket_(std::move(socket)) {}

  struct Received {
    FrameType type{};
    Bytes payload;
  };

  [[nodiscard]] int fd() const { return socket_.get(); }
  void close() { socket_.reset(); }

  // Waits until the peer takes it; false when it has gone or takes nothing.
  bool send(FrameType type, std::span<const std::uint8_t> payload = {}, int fd = -1) {
    const auto frame = encode_frame(type, payload);
    std::span<const std::uint8_t> rest(frame);
    const Deadline deadline(kPatience);
    while (!rest.empty()) {
      const auto n = send_with_fd(socket_.get(), rest, fd);
      if (n > 0) {
        rest = rest.subspan(static_cast<std::size_t>(n));
        fd = -1;
      } else if ((errno != EAGAIN && errno != EINTR) || !wait(POLLOUT, deadline)) {
        return false;
      }
    }
    return true;
  }
  template <typename Message>
  bool send(const Message& message, int fd = -1) {
    return send(Message::kType, encode(message), fd);
  }

  // The next frame; nothing at the end of the stream or after `timeout`.
  std::optional<Received> next(std::chrono::milliseconds timeout = kPatience) {
    if (put_back_) return std::exchange(put_back_, std::nullopt);
    const Deadline deadline(timeout);
    while (true) {
      if (const auto frame = decoder_.next())
        return Received{frame->type, {frame->payload.begin(), frame->payload.end()}};
      if (closed_ || decoder_.failed() || !wait(POLLIN, deadline)) return std::nullopt;
      receive_some();
    }
  }
  // next() gives it again, before what has come since.
  void put_back(Received frame) { put_back_ = std::move(frame); }
  // The next frame of the message's type; others are skipped.
  template <typename Message>
  std::optional<Message> next_message(std::chrono::milliseconds timeout = kPatience) {
    const Deadline deadline(timeout);
    while (auto frame = next(std::chrono::milliseconds(deadline.poll_timeout())))
      if (frame->type == Message::kType) return decode<Message>(frame->payload);
    return std::nullopt;
  }
  [[nodiscard]] UniqueFd take_fd() {
    if (fds_.empty()) return {};
    auto fd = std::move(fds_.front());
    fds_.erase(fds_.begin());
    return fd;
  }
  // The peer has closed the connection.
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  bool wait(short events, const Deadline& deadline) {
    pollfd ready{socket_.get(), events, 0};
    return ::poll(&ready, 1, deadline.poll_timeout()) > 0;
  }
  void receive_some() {
    std::array<std::uint8_t, 65536> buffer;
    const auto got = receive(socket_.get(), buffer, fds_);
    if (got.size > 0)
      decoder_.feed(std::span(buffer).first(static_cast<std::size_t>(got.size)));
    else if (got.size == 0 || (got.error.value() != EAGAIN && got.error.value() != EINTR))
      closed_ = true;
  }

  UniqueFd socket_;
  FrameDecoder decoder_;
  std::vector<UniqueFd> fds_;
  std::optional<Received> put_back_;
  bool closed_ = false;
};

// A client after its attaching, that keeps account of what it got.
class TestViewer {
 public:
  explicit TestViewer(UniqueFd socket) : socket_(std::move(socket)) {}

  FrameSocket& socket() { return socket_; }
  bool type(std::string_view keys) { return socket_.send(FrameType::kInput, as_bytes(keys)); }

  // Takes frames until the condition holds; false at the end of the stream or after `timeout`.
  bool read_until(const std::function<bool()>& condition,
                  std::chrono::milliseconds timeout = kPatience) {
    const Deadline deadline(timeout);
    while (!condition()) {
      const auto frame = socket_.next(std::chrono::milliseconds(deadline.poll_timeout()));
      if (!frame) return condition();
      take(*frame);
    }
    return true;
  }
  bool wait_text(std::string_view part, std::chrono::milliseconds timeout = kPatience) {
    // From where the last search ended: the output may be large.
    std::size_t from = 0;
    return read_until(
        [&] {
          const bool found = output.find(part, from) != std::string::npos;
          from = output.size() - std::min(output.size(), part.size());
          return found;
        },
        timeout);
  }
  bool wait_ended(std::chrono::milliseconds timeout = kPatience) {
    return read_until([&] { return ended.has_value(); }, timeout);
  }
  bool wait_closed(std::chrono::milliseconds timeout = kPatience) {
    return read_until([&] { return socket_.closed(); }, timeout);
  }

  std::optional<Attached> attached;
  std::string restore, output;
  std::string shown;  // both, as a terminal gets them
  std::uint64_t position = 0, missed = 0;
  int gaps = 0;
  std::optional<std::uint8_t> taken;
  std::optional<TerminalBack> back;
  std::optional<Ended> ended;
  std::optional<Detached> detached;
  std::optional<ProtocolError> error;
  std::vector<std::string> notices;

 private:
  void take(const FrameSocket::Received& frame) {
    switch (frame.type) {
      case FrameType::kAttached:
        attached = decode<Attached>(frame.payload);
        position = attached->position;
        break;
      case FrameType::kRestore:
        restore += as_text(frame.payload);
        shown += as_text(frame.payload);
        break;
      case FrameType::kOutput:
        output += as_text(frame.payload);
        shown += as_text(frame.payload);
        position += frame.payload.size();
        break;
      case FrameType::kGap: {
        const auto gap = decode<Gap>(frame.payload);
        ++gaps;
        missed += gap->missed;
        position += gap->missed;
        break;
      }
      case FrameType::kTerminalTaken: taken = decode<TerminalTaken>(frame.payload)->taken; break;
      case FrameType::kTerminalBack: back = decode<TerminalBack>(frame.payload); break;
      case FrameType::kEnded: ended = decode<Ended>(frame.payload); break;
      case FrameType::kDetached: detached = decode<Detached>(frame.payload); break;
      case FrameType::kError: error = decode<ProtocolError>(frame.payload); break;
      case FrameType::kNotice: notices.emplace_back(as_text(frame.payload)); break;
      default: ADD_FAILURE() << "unexpected frame " << static_cast<int>(frame.type);
    }
  }

  FrameSocket socket_;
};

// Plays the daemon to one session host that it starts.
class SessionDriver {
 public:
  SessionDriver() : path_(folder_ / "s") {
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ||
        ::listen(listener_.get(), 16) < 0)
      throw std::system_error(errno, std::generic_category(), path_);
  }
  // The host collects its orphans, so whatever the session started is still below it.
  ~SessionDriver() {
    const Deadline deadline(kPatience);
    while (host_ && host_->running() && !deadline.passed()) {
      const auto tree = descendants(host_->pid());
      if (tree.empty()) break;
      for (const auto pid : tree) signal_descendant(host_->pid(), pid, SIGKILL);
      ::usleep(1000);
    }
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  FrameSocket& link() { return link_; }
  Child& host() { return *host_; }

  static SessionSpec spec_for(std::vector<std::string> command) {
    SessionSpec spec;
    spec.id = kTestSessionId;
    spec.name = "test";
    spec.command = std::move(command);
    spec.term = "xterm-256color";
    spec.scrollback = 1024 * 1024;
    spec.stop_timeout_ms = 3000;
    return spec;
  }

  void start_host(const Environment& environment = {}) { start_host_by({}, environment); }
  // By a program that becomes the host: it gets the host's command line as arguments.
  void start_host_by(Arguments starter, const Environment& environment = {}) {
    for (const auto& word :
         Arguments{PTYD_SESSION_PROGRAM, "--socket", path_, "--id", kTestSessionId})
      starter.push_back(word);
    host_ = std::make_unique<Child>(starter, environment, "", StandardFds{-1, 2, 2, {}});
  }
  // Accepts the host, exchanges HELLOs; its registration, with the scrollback as memfd().
  std::optional<Register> accept_host() {
    pollfd ready{listener_.get(), POLLIN, 0};
    if (::poll(&ready, 1, Deadline(kPatience).poll_timeout()) <= 0) return std::nullopt;
    link_ = FrameSocket(UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    const auto hello = link_.next();
    if (!hello || hello->type != FrameType::kHello) return std::nullopt;
    if (decode_hello(hello->payload)->role != Role::kHost) return std::nullopt;
    Hello ours;
    ours.role = Role::kServer;
    ours.software = "test";
    if (!link_.send(FrameType::kHello, encode_hello(ours))) return std::nullopt;
    auto registration = link_.next_message<Register>();
    memfd_ = link_.take_fd();
    return registration;
  }
  // A host that runs `spec`. Null when it did not start.
  std::optional<Started> start(const SessionSpec& spec, const Environment& environment = {}) {
    start_host(environment);
    if (!accept_host() || !link_.send(spec)) return std::nullopt;
    auto started = link_.next_message<Started>();
    memfd_ = link_.take_fd();
    return started;
  }
  std::optional<Started> start_command(std::vector<std::string> command) {
    return start(spec_for(std::move(command)));
  }
  std::optional<Started> start_bash(const std::string& script) {
    return start_command({"/bin/bash", "-c", script});
  }
  UniqueFd memfd() { return std::move(memfd_); }

  // A viewer that is attached, ATTACHED and RESTORE taken.
  std::unique_ptr<TestViewer> attach(PassClient client = {}) {
    std::error_code error;
    return attach_by(unix_socket_pair(error), client);
  }
  // By a connection of the test's own making.
  std::unique_ptr<TestViewer> attach_by(std::pair<UniqueFd, UniqueFd> connection,
                                        PassClient client) {
    auto [ours, theirs] = std::move(connection);
    auto viewer = std::make_unique<TestViewer>(std::move(ours));
    link_.send(client, theirs.get());
    theirs.reset();
    EXPECT_TRUE(viewer->read_until([&] { return viewer->attached || viewer->error; }));
    return viewer;
  }

  // A request and the errno it is answered with. The session's end may be told before the answer,
  // and is kept for who waits for it.
  template <typename Message>
  std::optional<Done> request(Message message) {
    message.request = ++last_request_;
    if (!link_.send(message)) return std::nullopt;
    std::optional<Done> answer;
    std::optional<FrameSocket::Received> ended;
    while (!answer) {
      const auto frame = link_.next();
      if (!frame) break;
      if (frame->type == HostEnded::kType) ended = *frame;
      if (frame->type != Done::kType) continue;
      const auto done = decode<Done>(frame->payload);
      if (done && done->request == last_request_) answer = done;
    }
    if (ended) link_.put_back(std::move(*ended));
    return answer;
  }
  // Waits for the end, releases the host, waits for that.
  std::optional<HostEnded> finish() {
    auto ended = link_.next_message<HostEnded>();
    if (!ended) return std::nullopt;
    link_.send(FrameType::kRelease);
    const auto exit = host_->wait_exit();
    EXPECT_TRUE(exit && *exit == (ExitResult{EndKind::kExited, 0}));
    return ended;
  }

 private:
  TempDir folder_;
  std::string path_;
  UniqueFd listener_;
  std::unique_ptr<Child> host_;
  FrameSocket link_;
  UniqueFd memfd_;
  std::uint32_t last_request_ = 0;
};

// A script that prints "ready", and nothing of its own until a viewer has typed a line.
inline std::string gated(const std::string& script) {
  return "stty -echo; echo ready; read gate; " + script;
}

// What `seq 1 LAST` prints on a terminal.
inline std::string expected_seq(int last) {
  std::string text;
  for (int i = 1; i <= last; ++i) text.append(std::to_string(i)).append("\r\n");
  return text;
}

}  // namespace ptyd::test
