// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/frame_channel.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "common/unix_socket.hpp"

namespace ptyd {
namespace {

constexpr std::size_t kFirstRead = 2 * 1024;  // most frames are short
constexpr std::size_t kReadSize = 16 * 1024;
// Descriptors received but not yet claimed by a frame; more is an attempt to exhaust ours.
constexpr std::size_t kMaxUnclaimedFds = 8;
// Far fewer system calls and wake-ups than a frame each, and the other side still has something to
// do while this one goes on.
constexpr std::size_t kBatchSize = kReadSize;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

FrameChannel::FrameChannel(EventLoop& loop, UniqueFd socket, Limits limits, Callbacks callbacks)
    : loop_(loop),
      socket_(std::move(socket)),
      limits_(limits),
      callbacks_(std::make_shared<const Callbacks>(std::move(callbacks))),
      decoder_(limits.max_payload),
      alive_(std::make_shared<bool>(true)) {
  watch_ = std::make_unique<IoWatch>(loop_, socket_.get(), EPOLLIN,
                                     [this](std::uint32_t events) { on_events(events); });
}

FrameChannel::~FrameChannel() { *alive_ = false; }

void FrameChannel::set_callbacks(Callbacks callbacks) {
  callbacks_ = std::make_shared<const Callbacks>(std::move(callbacks));
}

void FrameChannel::send(FrameType type, std::span<const std::uint8_t> payload, UniqueFd fd) {
  if (failed_ || closing_ || peer_gone_) return;
  enqueue({encode_frame(type, payload), 0, std::move(fd)});
  if (!batching_ || out_.back().bytes.size() >= kBatchSize) send_queued();
}

void FrameChannel::enqueue(Outgoing frame) {
  if (queued_ == 0) sent_at_ = Clock::now();
  queued_ += frame.bytes.size();
  // A descriptor travels with the first byte of its frame.
  if (batching_ && !out_.empty() && !frame.fd && out_.back().bytes.size() < kBatchSize) {
    auto& last = out_.back().bytes;
    last.insert(last.end(), frame.bytes.begin(), frame.bytes.end());
  } else {
    out_.push_back(std::move(frame));
  }
}

void FrameChannel::send_queued() {
  if (failed_ || out_.empty()) return;
  if (!flush()) return on_peer_gone();
  if (queued_ <= limits_.max_queued) return update_events();
  // Callers are in the middle of something: they learn of it from the loop.
  failed_ = true;
  loop_.post([this, alive = alive_] {
    if (!*alive) return;
    failed_ = false;
    fail("peer does not read");
  });
}

void FrameChannel::pause_reading() {
  paused_ = true;
  update_events();
}

void FrameChannel::resume_reading() {
  if (!paused_) return;
  paused_ = false;
  if (peer_gone_) return read_to_end();
  update_events();
  loop_.post([this, alive = alive_] {
    if (*alive && !failed_) deliver_frames();
  });
}

std::optional<Clock::time_point> FrameChannel::stalled_since() const {
  if (queued_ > 0) return sent_at_;
  // What is complete already waits for this side.
  if (decoder_.pending() > 0 && !paused_ && !delivery_owed_) return frame_begun_at_;
  return std::nullopt;
}

void FrameChannel::on_peer_gone() {
  peer_gone_ = true;
  out_.clear();
  queued_ = 0;
  watch_.reset();  // it would report the hang-up for ever
  read_to_end();
}

void FrameChannel::read_to_end() {
  loop_.post([this, alive = alive_] {
    if (!*alive || failed_ || paused_) return;
    if (closing_) return fail("");
    deliver_frames();
    if (!*alive || failed_ || paused_) return;
    if (!delivery_owed_) read_some();
    if (*alive && !failed_) read_to_end();
  });
}

UniqueFd FrameChannel::take_fd() {
  if (fds_.empty()) return {};
  UniqueFd fd = std::move(fds_.front());
  fds_.erase(fds_.begin());
  return fd;
}

UniqueFd FrameChannel::release() {
  (void)flush();
  watch_.reset();
  failed_ = true;
  return std::move(socket_);
}

void FrameChannel::close_after_flush() {
  closing_ = true;
  if (queued_ == 0) {
    loop_.post([this, alive = alive_] {
      if (*alive) fail("");
    });
  } else {
    update_events();
  }
}

void FrameChannel::on_events(std::uint32_t events) {
  const auto alive = alive_;
  if ((events & EPOLLOUT) != 0) {
    if (!flush()) return on_peer_gone();
    if (queued_ == 0) {
      if (closing_) return fail("");
      if (const auto callbacks = callbacks_; callbacks->on_drained) callbacks->on_drained();
      if (!*alive || failed_) return;
    }
    update_events();
    deliver_frames();
    if (!*alive || failed_) return;
  }
  if ((events & EPOLLIN) != 0 && !closing_ && !paused_ && !delivery_owed_) {
    deliver_frames();  // what came before: there may be nothing behind it but the end
    if (!*alive || failed_ || paused_ || delivery_owed_) return;
    return read_some();
  }
  // What the peer said before may not have been read yet.
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) on_peer_gone();
}

void FrameChannel::read_some() {
  // The rest of a frame that did not fit is likely to be long.
  if (decoder_.pending() == 0 ? receive_some<kFirstRead>() : receive_some<kReadSize>())
    deliver_frames();
}

// Not inlined: its buffer must not lie beneath all that a frame sets off, since a stack that was
// deep once keeps the memory.
template <std::size_t Size>
[[gnu::noinline]] bool FrameChannel::receive_some() {
  std::array<std::uint8_t, Size> buffer;
  const auto got = receive(socket_.get(), buffer, fds_);
  if (got.size < 0) {
    if (would_block(got.error.value()) && !peer_gone_) return false;
    return fail(""), false;
  }
  if (got.size == 0)
    return fail(decoder_.pending() == 0 ? "" : "stream ended inside a frame"), false;
  if (got.too_many_fds || fds_.size() > kMaxUnclaimedFds)
    return fail("too many descriptors"), false;
  if (decoder_.pending() == 0) frame_begun_at_ = Clock::now();
  decoder_.feed(std::span(buffer).first(static_cast<std::size_t>(got.size)));
  return true;
}

void FrameChannel::deliver_frames() {
  const auto alive = alive_;
  // Requests that arrived together wait, too, while their sender leaves answers unread.
  while (!closing_ && !paused_ && queued_ <= limits_.pause_reading_at) {
    const auto frame = decoder_.next();
    if (!frame) break;
    frame_begun_at_ = Clock::now();
    const auto callbacks = callbacks_;
    callbacks->on_frame(*frame);
    if (!*alive || failed_) return;
    if (loop_.turn_is_long()) return deliver_later();
  }
  if (decoder_.failed()) fail(decoder_.error());
}

void FrameChannel::deliver_later() {
  if (delivery_owed_) return;
  delivery_owed_ = true;
  update_events();
  loop_.post([this, alive = alive_] {
    if (!*alive || failed_) return;
    delivery_owed_ = false;
    deliver_frames();
    if (*alive && !failed_) update_events();
  });
}

bool FrameChannel::flush() {
  while (!out_.empty()) {
    auto& frame = out_.front();
    const auto rest = std::span(frame.bytes).subspan(frame.sent);
    const auto sent = send_with_fd(socket_.get(), rest, frame.fd.get());
    if (sent < 0) return would_block(errno);
    frame.fd.reset();  // the kernel holds its own reference now
    sent_at_ = Clock::now();
    frame.sent += static_cast<std::size_t>(sent);
    queued_ -= static_cast<std::size_t>(sent);
    if (frame.sent == frame.bytes.size()) out_.pop_front();
  }
  return true;
}

void FrameChannel::fail(const std::string& reason) {
  if (failed_) return;
  failed_ = true;
  watch_.reset();
  socket_.reset();
  const auto callbacks = callbacks_;  // the call may destroy this channel
  if (callbacks->on_closed) callbacks->on_closed(reason);
}

void FrameChannel::update_events() {
  if (!watch_) return;
  std::uint32_t events = 0;
  const bool reading = !closing_ && !paused_ && !delivery_owed_;
  if (reading && queued_ <= limits_.pause_reading_at) events |= EPOLLIN;
  if (queued_ > 0) events |= EPOLLOUT;
  watch_->set_events(events);
}

}  // namespace ptyd
