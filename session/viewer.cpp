// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/viewer.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/unix_socket.hpp"
#include "session/log.hpp"

namespace ptyd {
namespace {

constexpr std::size_t kMaxInput = 16 * 1024;  // payload of INPUT, as the protocol says
// Read from a viewer at once. Typing is a few bytes; pasted text comes in several turns.
constexpr std::size_t kReadSize = 4096;
// Where a viewer that was passed by the ring goes on.
constexpr std::uint64_t kNewest = 64 * 1024;
// Output waits for a terminal that is so many bytes behind, though the ring may have room for more:
// all of them are drawn before what a ^C changes is seen.
constexpr std::uint64_t kMaxBehind = 64 * 1024;
// For the same reason the kernel keeps no more than about this for a terminal's connection.
constexpr int kTerminalBuffer = 32 * 1024;
// Sent to one viewer in one turn of the loop: the others and the keyboard come in between.
constexpr std::size_t kMaxBurst = 256 * 1024;

// The rule about slow clients: output waits for one at most so long for each so many bytes it
// takes.
constexpr std::chrono::nanoseconds kPatience = std::chrono::milliseconds(200);
constexpr std::int64_t kBytesPerPatience = 256 * 1024;
// Later than this the host itself was held up, which says nothing about the viewer.
constexpr std::chrono::milliseconds kHeldUp{100};

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

iovec to_iovec(std::span<const std::uint8_t> bytes) {
  return {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
}

ssize_t send_parts(int socket, std::span<iovec> parts) {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

Viewer::Viewer(EventLoop& loop, UniqueFd socket, const Scrollback& scrollback,
               const Options& options, Owner& owner)
    : loop_(loop),
      socket_(std::move(socket)),
      scrollback_(scrollback),
      options_(options),
      owner_(owner),
      cursor_(options.position),
      patience_(kPatience),
      decoder_(kMaxInput),
      awaits_terminal_(options.awaits_terminal) {
  if (options_.is_terminal)
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &kTerminalBuffer, sizeof kTerminalBuffer);
  watch_ = std::make_unique<IoWatch>(loop, socket_.get(), EPOLLIN,
                                     [this](std::uint32_t events) { on_events(events); });
}

void Viewer::on_events(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    pump();
    owner_.on_sent(*this);
  }
  if (gone()) return;
  if ((events & EPOLLIN) != 0 && attached() && !input_waits_) return read_some();
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) set_gone();
}

// ---- what it sends ----

void Viewer::read_some() {
  std::array<std::uint8_t, kReadSize> buffer;
  ssize_t n = 0;
  if (awaits_terminal_) {
    std::vector<UniqueFd> fds;
    const auto received = receive(socket_.get(), buffer, fds);
    if (!fds.empty()) offered_ = std::move(fds.front());
    n = received.size;
    errno = received.error.value();
  } else {
    n = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  }
  if (n < 0 && would_block(errno)) return;
  if (n <= 0) return set_gone();
  decoder_.feed(std::span(buffer).first(static_cast<std::size_t>(n)));
  take_frames();
}

void Viewer::take_frames() {
  input_waits_ = false;
  while (attached()) {
    // Not taken out of the decoder before there is room, so nothing typed is lost.
    input_waits_ = !options_.read_only && !owner_.input_fits(kMaxInput);
    if (input_waits_) break;
    const auto frame = decoder_.next();
    if (!frame) break;
    on_frame(*frame);
  }
  if (attached() && decoder_.failed()) refuse(decoder_.error());
  update_events();
}

void Viewer::on_frame(const Frame& frame) {
  switch (frame.type) {
    case FrameType::kInput:
      if (!options_.read_only) owner_.on_input(*this, frame.payload);
      return;
    case FrameType::kResize: {
      const auto resize = decode<Resize>(frame.payload);
      if (!resize) return refuse("RESIZE is cut short");
      const TerminalSize size{resize->rows, resize->columns};
      if (options_.read_only || !is_valid(size)) return;
      options_.size = size;
      return owner_.on_resize(*this);
    }
    case FrameType::kDetach: return leave("requested");
    case FrameType::kTerminal: return take_terminal();
    case FrameType::kShow: {
      if (!terminal_ && !awaits_terminal_) return;  // what it did not give, it writes to by itself
      show_ = decode<Show>(frame.payload);
      ++shows_;
      return pump();
    }
    default: return refuse("not a frame for an attached client");
  }
}

void Viewer::resume_input() {
  if (terminal_) terminal_->resume_input();
  if (input_waits_ && !gone()) take_frames();
}

void Viewer::refuse(const char* problem) {
  if (!attached()) return;
  log_line("client " + std::to_string(options_.number) + " is dropped: " + problem);
  give_back();
  enqueue(FrameType::kError, encode(ProtocolError{"bad-request", problem}));
  state_ = State::kLeaving;
  owner_.on_leaving(*this);
  pump();
}

// ---- what it gets ----

void Viewer::send(FrameType type, std::span<const std::uint8_t> payload) {
  if (state_ == State::kLeaving || gone()) return;
  if (queue_.size() - queue_sent_ + payload.size() > queue_limit_) return leave("slow");
  enqueue(type, payload);
}

void Viewer::restore(std::string_view bytes) {
  if (state_ == State::kLeaving || gone()) return;
  if (terminal_ || awaits_terminal_) {
    terminal_queue_ += bytes;
    return;
  }
  queue_limit_ = kMaxQueued + bytes.size();
  do {
    const auto piece = bytes.substr(0, kMaxFramePayload);
    enqueue(FrameType::kRestore, as_bytes(piece));
    bytes.remove_prefix(piece.size());
  } while (!bytes.empty());
}

void Viewer::enqueue(FrameType type, std::span<const std::uint8_t> payload) {
  const auto header = frame_header(type, payload.size());
  queue_.insert(queue_.end(), header.begin(), header.end());
  queue_.insert(queue_.end(), payload.begin(), payload.end());
}

void Viewer::leave(const char* reason) {
  if (state_ == State::kLeaving || gone()) return;
  give_back();
  enqueue(FrameType::kDetached, encode(Detached{reason}));
  state_ = State::kLeaving;
  owner_.on_leaving(*this);
  pump();
}

void Viewer::finish(const ExitResult& result) {
  if (!attached()) return;
  result_ = result;
  state_ = State::kFinishing;
  if (awaits_terminal_) refuse_terminal();
  owner_.on_leaving(*this);
  pump();
}

void Viewer::drop_slow() {
  if (gone()) return;
  if (!in_frame() && stash_.empty() && queue_sent_ == 0) {
    queue_.clear();
    give_back();
    enqueue(FrameType::kDetached, encode(Detached{"slow"}));
    state_ = State::kLeaving;
    pump();
  }
  set_gone();
}

void Viewer::pump() {
  if (gone()) return;
  const auto start = cursor_;
  if (terminal_) pump_terminal();
  auto step = Step::kSent;
  while (step == Step::kSent && cursor_ - start < kMaxBurst) step = send_next();
  if (gone()) return;
  want_write_ = step != Step::kNothing;
  update_events();
}

Viewer::Step Viewer::send_next() {
  if (!stash_.empty()) return send_buffer(stash_, stash_sent_);
  if (in_frame()) return send_output();
  if (!queue_.empty()) return send_buffer(queue_, queue_sent_);
  if (state_ == State::kLeaving) {
    set_gone();
    return Step::kNothing;
  }
  if (terminal_ || awaits_terminal_) return Step::kNothing;
  if (cursor_ < scrollback_.oldest()) {
    skip_ahead();
    return Step::kSent;
  }
  if (!caught_up()) {
    begin_output();
    return send_output();
  }
  on_caught_up();
  return queue_.empty() ? Step::kNothing : Step::kSent;
}

Viewer::Step Viewer::send_buffer(Bytes& buffer, std::size_t& sent) {
  auto part = to_iovec(std::span(buffer).subspan(sent));
  const auto n = send_parts(socket_.get(), {&part, 1});
  if (n < 0) {
    if (would_block(errno)) return Step::kBlocked;
    set_gone();
    return Step::kNothing;
  }
  sent += static_cast<std::size_t>(n);
  if (sent < buffer.size()) return Step::kBlocked;
  Bytes().swap(buffer);
  sent = 0;
  return Step::kSent;
}

void Viewer::begin_output() {
  frame_left_ = scrollback_.view(cursor_, kMaxFramePayload).size();
  header_ = frame_header(FrameType::kOutput, frame_left_);
  header_sent_ = 0;
}

Viewer::Step Viewer::send_output() {
  std::array<iovec, 2> parts = {to_iovec(std::span(header_).subspan(header_sent_)),
                                to_iovec(scrollback_.view(cursor_, frame_left_))};
  const auto n = send_parts(socket_.get(), parts);
  if (n < 0) {
    if (!would_block(errno)) {
      set_gone();
      return Step::kNothing;
    }
    if (header_sent_ == 0) {  // not begun after all: a later, larger frame will do
      header_sent_ = kFrameHeaderSize;
      frame_left_ = 0;
    }
    return Step::kBlocked;
  }
  const auto of_header = std::min(static_cast<std::size_t>(n), kFrameHeaderSize - header_sent_);
  const auto of_payload = static_cast<std::size_t>(n) - of_header;
  header_sent_ += of_header;
  frame_left_ -= of_payload;
  cursor_ += of_payload;
  earn_patience(of_payload);
  return in_frame() ? Step::kBlocked : Step::kSent;
}

void Viewer::skip_ahead() {
  const auto head = scrollback_.head();
  // A terminal is shown the screen once it keeps up; to anybody else the newest output is worth
  // more.
  const auto target =
      options_.is_terminal ? head : std::max(scrollback_.oldest(), head - std::min(head, kNewest));
  enqueue(FrameType::kGap, encode(Gap{target - cursor_}));
  cursor_ = target;
  missed_ = options_.is_terminal;
}

void Viewer::on_caught_up() {
  lagging_ = false;
  if (std::exchange(missed_, false)) return owner_.on_missed(*this);
  if (show_) put_show();
  if (state_ != State::kFinishing) return;
  give_back();
  enqueue(FrameType::kEnded, encode(Ended{result_->kind, result_->value}));
  state_ = State::kLeaving;
}

// ---- its terminal ----

void Viewer::take_terminal() {
  if (!awaits_terminal_) return refuse("TERMINAL was not asked for");
  const auto offered = std::move(offered_);
  terminal_ = GivenTerminal::take(
      loop_, offered,
      {.input_fits = [this](std::size_t size) { return read_only() || owner_.input_fits(size); },
       .on_typed =
           [this](std::span<const std::uint8_t> bytes) {
             if (attached() && !read_only()) owner_.on_input(*this, bytes);
           },
       .on_detach_keys = [this] { leave("requested"); },
       .on_room =
           [this] {
             pump();
             owner_.on_sent(*this);
           },
       .on_hung_up = [this] { set_gone(); }});
  if (!terminal_) return refuse_terminal();
  awaits_terminal_ = false;
  enqueue(FrameType::kTerminalTaken, encode(TerminalTaken{1}));
  pump();
}

void Viewer::refuse_terminal() {
  awaits_terminal_ = false;
  enqueue(FrameType::kTerminalTaken, encode(TerminalTaken{0}));
  restore(std::exchange(terminal_queue_, {}));
  pump();
}

void Viewer::give_back() {
  if (!terminal_) return;
  const bool all = caught_up() && terminal_queue_.empty();
  const TerminalBack back{terminal_->at_line_start() ? std::uint8_t{1} : std::uint8_t{0},
                          owner_.undo(all), show_ ? shows_ - 1 : shows_};
  terminal_.reset();
  enqueue(FrameType::kTerminalBack, encode(back));
}

void Viewer::pump_terminal() {
  const auto start = cursor_;
  bool room = true;
  while (terminal_ && room && cursor_ - start < kMaxBurst) {
    if (!terminal_queue_.empty()) {
      room = write_queue();
    } else if (cursor_ < scrollback_.oldest()) {
      cursor_ = scrollback_.head();
      missed_ = true;
    } else if (!caught_up()) {
      room = write_output();
    } else {
      on_caught_up();
      if (terminal_queue_.empty()) break;
    }
  }
  if (terminal_) terminal_->want_room(!caught_up() || !terminal_queue_.empty());
}

bool Viewer::write_queue() {
  const auto written = terminal_->write(as_bytes(terminal_queue_));
  if (written < 0) set_gone();
  if (written <= 0) return false;
  terminal_queue_.erase(0, static_cast<std::size_t>(written));
  return true;
}

bool Viewer::write_output() {
  const auto written = terminal_->write(scrollback_.view(cursor_, kMaxOutputRead));
  if (written < 0) set_gone();
  if (written <= 0) return false;
  cursor_ += static_cast<std::uint64_t>(written);
  earn_patience(static_cast<std::size_t>(written));
  return true;
}

void Viewer::put_show() {
  if (!terminal_) return;
  const auto place = owner_.place();
  if (place == Owner::Place::kInSequence) return;
  terminal_queue_ +=
      place == Owner::Place::kFullScreen ? show_->over_full_screen : show_->beside_text;
  show_.reset();
}

// ---- its pace ----

bool Viewer::holds(std::uint64_t oldest) const {
  if (!attached() || lagging_) return false;
  return cursor_ < oldest || (options_.is_terminal && scrollback_.head() - cursor_ > kMaxBehind);
}

void Viewer::let_pass(std::uint64_t oldest) {
  if (cursor_ >= oldest || !in_frame()) return;
  const auto header = std::span(header_).subspan(header_sent_);
  const auto payload = scrollback_.view(cursor_, frame_left_);
  stash_.assign(header.begin(), header.end());
  stash_.insert(stash_.end(), payload.begin(), payload.end());
  header_sent_ = kFrameHeaderSize;
  cursor_ += frame_left_;
  frame_left_ = 0;
}

void Viewer::earn_patience(std::size_t taken) {
  if (waiting_since_) {
    const auto now = Clock::now();
    patience_ -= now - *waiting_since_;
    waiting_since_ = now;
  }
  const auto bytes = static_cast<std::int64_t>(taken);
  patience_ =
      std::min<Clock::duration>(kPatience, patience_ + kPatience * bytes / kBytesPerPatience);
}

void Viewer::begin_wait(Clock::time_point now) {
  if (!waiting_since_) waiting_since_ = now;
}

void Viewer::end_wait(Clock::time_point now) {
  if (!waiting_since_) return;
  patience_ = std::max(Clock::duration::zero(), patience_ - (now - *waiting_since_));
  waiting_since_.reset();
}

std::optional<Clock::time_point> Viewer::wait_limit() const {
  if (!waiting_since_) return std::nullopt;
  return *waiting_since_ + patience_;
}

void Viewer::judge(Clock::time_point now) {
  const auto limit = wait_limit();
  if (!limit || now < *limit) return;
  if (now > *limit + kHeldUp) {
    patience_ = kPatience;
    waiting_since_ = now;
    return;
  }
  lagging_ = true;
  end_wait(now);
}

// ---- its connection ----

void Viewer::set_gone() {
  if (gone()) return;
  state_ = State::kGone;
  terminal_.reset();
  watch_.reset();
  socket_.reset();
  owner_.on_gone(*this);
}

void Viewer::update_events() {
  if (gone()) return;
  const bool want_read = attached() && !input_waits_;
  watch_->set_events((want_read ? EPOLLIN : 0U) | (want_write_ ? EPOLLOUT : 0U));
}

}  // namespace ptyd
