// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/control_link.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "common/text.hpp"
#include "common/unix_socket.hpp"
#include "common/version.hpp"
#include "session/log.hpp"

namespace ptyd {
namespace {

constexpr std::chrono::milliseconds kFirstPause{20};
constexpr std::chrono::milliseconds kLongestPause{1000};
// A daemon that reads this little is stuck; the state is told anew when it is back.
constexpr std::size_t kMaxQueued = 256 * 1024;

// The hosts of one machine lose their daemon together; they need not come back in step.
Clock::duration with_jitter(Clock::duration pause) {
  return pause + pause * (::getpid() % 64) / 256;
}

}  // namespace

ControlLink::ControlLink(EventLoop& loop, std::string path, Callbacks callbacks)
    : loop_(loop),
      path_(std::move(path)),
      callbacks_(std::move(callbacks)),
      pause_(kFirstPause),
      retry_timer_(loop, [this] { connect(); }) {}

void ControlLink::connect() {
  std::error_code error;
  auto socket = connect_unix(path_, error);
  // A full backlog is no failure even for a new host: many are started at once.
  if (error == std::errc::resource_unavailable_try_again) return retry_after(pause_);
  if (error) return on_down(path_ + ": " + error.message());
  try {
    channel_ = std::make_unique<FrameChannel>(
        loop_, std::move(socket), FrameChannel::Limits{.max_queued = kMaxQueued},
        FrameChannel::Callbacks{.on_frame = [this](const Frame& frame) { on_frame(frame); },
                                .on_closed =
                                    [this](const std::string& reason) {
                                      on_down(reason.empty() ? "the daemon closed the connection"
                                                             : reason);
                                    },
                                .on_drained = {}});
  } catch (const std::system_error& e) {
    return on_down(e.what());
  }
  state_ = State::kGreeting;
  Hello hello;
  hello.role = Role::kHost;
  hello.software = std::string("ptyd-session ") + kVersion;
  channel_->send(FrameType::kHello, encode_hello(hello));
}

void ControlLink::send(FrameType type, std::span<const std::uint8_t> payload, UniqueFd fd) {
  if (registered()) channel_->send(type, payload, std::move(fd));
}

UniqueFd ControlLink::take_fd() { return channel_ ? channel_->take_fd() : UniqueFd(); }

void ControlLink::on_frame(const Frame& frame) {
  if (frame.type == FrameType::kError) return on_error(frame);
  if (state_ == State::kGreeting) return on_hello(frame);
  if (state_ == State::kRegistered) return callbacks_.on_frame(frame);
  const bool accepted = frame.type == FrameType::kRegistered || frame.type == FrameType::kSpec;
  if (!accepted) return refuse("the daemon did not answer the registration");
  state_ = State::kRegistered;
  pause_ = kFirstPause;
  complaint_.clear();
  if (frame.type == FrameType::kRegistered)
    callbacks_.on_registered();
  else
    callbacks_.on_frame(frame);
}

void ControlLink::on_hello(const Frame& frame) {
  const auto hello = frame.type == FrameType::kHello ? decode_hello(frame.payload) : std::nullopt;
  if (!hello) return refuse(path_ + " is not the socket of a ptyd");
  if (!common_version(*hello)) return refuse(version_mismatch(*hello, "the daemon"));
  state_ = State::kRegistering;
  auto registration = callbacks_.registration();
  channel_->send(FrameType::kRegister, registration.payload, std::move(registration.fd));
}

void ControlLink::on_error(const Frame& frame) {
  const auto error = decode<ProtocolError>(frame.payload);
  refuse(error ? "the daemon says: " + printable(error->message)
               : "the daemon refused the connection");
}

// A daemon that wants nothing of this session may be followed by one that does.
void ControlLink::refuse(const std::string& reason) {
  const bool was_connected = go_down();
  if (!keep_trying_) return callbacks_.on_failed(reason);
  if (complaint_ != reason) log_line(reason);
  complaint_ = reason;
  pause_ = kLongestPause;
  retry_after(kLongestPause);
  if (was_connected) callbacks_.on_lost();
}

void ControlLink::on_down(const std::string& reason) {
  const bool was_connected = go_down();
  if (!comes_back_) return callbacks_.on_failed(reason);
  retry_after(pause_);
  if (was_connected) callbacks_.on_lost();
}

bool ControlLink::go_down() {
  channel_.reset();
  return std::exchange(state_, State::kDown) != State::kDown;
}

void ControlLink::retry_after(Clock::duration delay) {
  retry_timer_.start(with_jitter(delay));
  pause_ = std::min(pause_ * 2, kLongestPause);
}

}  // namespace ptyd
