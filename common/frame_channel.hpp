// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/event_loop.hpp"
#include "common/frame.hpp"
#include "common/unique_fd.hpp"

namespace ptyd {

// Frames both ways over one non-blocking Unix stream socket, which it owns, with descriptors beside
// them. Either callback may destroy the channel. Frames that arrive together are delivered over
// several turns of the loop when handling them takes long.
class FrameChannel {
 public:
  struct Callbacks {
    std::function<void(const Frame&)> on_frame;
    // The stream ended: the peer left (empty reason) or broke the rules (reason, for the log).
    // Called once, never from within send(); nothing is sent or received afterwards.
    std::function<void(const std::string& reason)> on_closed;
    // Everything sent so far is in the kernel. Optional.
    std::function<void()> on_drained;
  };
  struct Limits {
    std::size_t max_payload = kMaxFramePayload;
    // Unsent bytes beyond which the peer counts as stuck and the channel closes itself.
    std::size_t max_queued = 8 * 1024 * 1024;
    // Unsent bytes beyond which nothing is read from the peer: who does not read its answers may
    // not ask for more, so it holds at most this and one answer.
    std::size_t pause_reading_at = 256 * 1024;
  };

  FrameChannel(EventLoop& loop, UniqueFd socket, Limits limits, Callbacks callbacks);
  // For a channel that changes hands, also from within one of its callbacks.
  void set_callbacks(Callbacks callbacks);
  void set_limits(Limits limits) { limits_ = limits; }
  ~FrameChannel();

  // Queues what the kernel does not take at once. `fd`, if any, travels with the frame.
  void send(FrameType type, std::span<const std::uint8_t> payload, UniqueFd fd = {});
  // What is sent while one lives goes to the kernel in large pieces, the last when it ends. For one
  // channel, which must outlive it.
  class Batch;
  // The oldest descriptor received and not yet taken, or none. A frame that announces a descriptor
  // is given to on_frame after the descriptor has arrived.
  [[nodiscard]] UniqueFd take_fd();
  [[nodiscard]] std::size_t queued() const { return queued_; }
  [[nodiscard]] int fd() const { return socket_.get(); }
  // Sends what it can of the queue without waiting, then gives the socket away: no more callbacks.
  [[nodiscard]] UniqueFd release();
  // No frames until resume_reading(): the peer waits once the socket's buffer is full.
  void pause_reading();
  void resume_reading();
  // Since when the peer has taken nothing of what is queued for it, or has left a frame unfinished;
  // nothing while it owes neither.
  [[nodiscard]] std::optional<Clock::time_point> stalled_since() const;
  // Bytes received that no complete frame has consumed yet.
  [[nodiscard]] std::size_t unread() const { return decoder_.pending(); }
  // Delivers what is queued, then closes; input is ignored from now on. on_closed is called.
  void close_after_flush();

 private:
  struct Outgoing {
    Bytes bytes;
    std::size_t sent = 0;
    UniqueFd fd;
  };

  void on_events(std::uint32_t events);
  void read_some();
  template <std::size_t Size>
  bool receive_some();  // false when there is nothing new, or the channel has failed
  void deliver_frames();
  void deliver_later();
  void enqueue(Outgoing frame);
  void send_queued();
  bool flush();  // false when the socket failed
  // Nothing can be sent any more, but what the peer said before it left is still delivered.
  void on_peer_gone();
  void read_to_end();
  void fail(const std::string& reason);
  void update_events();

  EventLoop& loop_;
  UniqueFd socket_;
  Limits limits_;
  std::shared_ptr<const Callbacks> callbacks_;  // shared with the call that is running
  FrameDecoder decoder_;
  std::deque<Outgoing> out_;
  std::size_t queued_ = 0;
  Clock::time_point sent_at_;         // the last byte, or queued the first
  Clock::time_point frame_begun_at_;  // the one that is not complete
  std::vector<UniqueFd> fds_;
  std::unique_ptr<IoWatch> watch_;
  bool batching_ = false;
  bool closing_ = false;
  bool paused_ = false;
  bool delivery_owed_ = false;  // frames may be left for the next turn
  bool peer_gone_ = false;
  bool failed_ = false;
  std::shared_ptr<bool> alive_;  // false once destroyed, for code that has called back
};

class FrameChannel::Batch {
 public:
  explicit Batch(FrameChannel& channel) : channel_(channel) { channel_.batching_ = true; }
  ~Batch() {
    channel_.batching_ = false;
    channel_.send_queued();
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

 private:
  FrameChannel& channel_;
};

}  // namespace ptyd
