// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/event_loop.hpp"
#include "common/frame.hpp"
#include "common/protocol.hpp"
#include "common/scrollback/scrollback.hpp"
#include "common/unique_fd.hpp"
#include "session/given_terminal.hpp"

namespace ptyd {

// One attached client: its connection, and where in the scrollback it is.
//
// Output goes from the ring to the kernel without a copy. A frame whose header was sent must be
// completed, so when the ring is about to overwrite the rest of it, that rest alone is copied.
// What the client gets is always exact: its position when it attached, plus the bytes of OUTPUT,
// plus what GAP said it missed.
//
// A client that has given its terminal gets the output there, and all else by its connection.
class Viewer {
 public:
  // The set of viewers it belongs to. Each call is made once the viewer is consistent again; none
  // may destroy it.
  class Owner {
   public:
    virtual bool input_fits(std::size_t size) const = 0;
    virtual void on_input(Viewer& viewer, std::span<const std::uint8_t> bytes) = 0;
    virtual void on_resize(Viewer& viewer) = 0;
    virtual void on_sent(Viewer& viewer) = 0;     // took some output on its own account
    virtual void on_missed(Viewer& viewer) = 0;   // has all but what it missed: draw it anew
    virtual void on_leaving(Viewer& viewer) = 0;  // no longer attached; drains, then is gone
    virtual void on_gone(Viewer& viewer) = 0;
    // What takes the session's modes back from a terminal that has got all output, or not.
    virtual std::string undo(bool all) = 0;
    // Where a terminal is that has got all output.
    enum class Place : std::uint8_t { kInSequence, kBetweenCharacters, kFullScreen };
    virtual Place place() = 0;

   protected:
    ~Owner() = default;
  };
  // Notices waiting for a viewer that does not read.
  static constexpr std::size_t kMaxQueued = 64 * 1024;
  struct Options {
    std::uint64_t number = 0;  // the daemon's, for the log
    std::uint64_t position = 0;
    bool read_only = false;
    bool is_terminal = false;      // is drawn anew when it missed something
    bool awaits_terminal = false;  // nothing is shown before TERMINAL has come
    std::optional<TerminalSize> size;
  };

  // `socket` is non-blocking. Throws std::system_error when it cannot be watched.
  Viewer(EventLoop& loop, UniqueFd socket, const Scrollback& scrollback, const Options& options,
         Owner& owner);

  // Queues a frame between output; one that lets too many pile up is made to leave as "slow".
  void send(FrameType type, std::span<const std::uint8_t> payload);
  // The same with what brings its terminal to where further output begins; however long that is.
  void restore(std::string_view bytes);
  // Sends what the kernel takes of output and queued frames.
  void pump();
  // Tells it why (DETACHED), then closes. No more output.
  void leave(const char* reason);
  // Gives it the rest of the output and the end (ENDED), then closes.
  void finish(const ExitResult& result);
  // Closes now, with a last word to one that was too slow if it can be said at all.
  void drop_slow();
  // Input it sent may fit now.
  void resume_input();

  [[nodiscard]] bool attached() const { return state_ == State::kAttached; }
  [[nodiscard]] bool gone() const { return state_ == State::kGone; }
  [[nodiscard]] bool read_only() const { return options_.read_only; }
  [[nodiscard]] const std::optional<TerminalSize>& size() const { return options_.size; }

  // Pace, for the rule about slow clients. Positions are of the ring.
  [[nodiscard]] bool caught_up() const { return cursor_ == scrollback_.head(); }
  // No more output may come yet on account of this viewer: the ring would overwrite all before
  // `oldest`, which it needs, or its terminal is too far behind.
  [[nodiscard]] bool holds(std::uint64_t oldest) const;
  // The ring is about to overwrite all before `oldest`.
  void let_pass(std::uint64_t oldest);
  // Output waits for it, or waits no longer. Its patience is what it may still be waited for: less
  // with time, more with each byte it takes. Out of patience, it lags.
  void begin_wait(Clock::time_point now);
  void end_wait(Clock::time_point now);
  // When its patience ends if it takes nothing; nothing when nobody waits for it.
  [[nodiscard]] std::optional<Clock::time_point> wait_limit() const;
  // To be called then.
  void judge(Clock::time_point now);

  // When it is dropped if it has not taken what is left for it.
  std::optional<Clock::time_point> leave_by;

 private:
  enum class State : std::uint8_t { kAttached, kFinishing, kLeaving, kGone };
  enum class Step : std::uint8_t { kSent, kBlocked, kNothing };

  void on_events(std::uint32_t events);
  void read_some();
  void take_terminal();
  void refuse_terminal();
  void give_back();
  void pump_terminal();
  // False when there is no room.
  bool write_queue();
  bool write_output();
  void put_show();
  void take_frames();
  void on_frame(const Frame& frame);
  void refuse(const char* problem);
  void enqueue(FrameType type, std::span<const std::uint8_t> payload);
  Step send_next();
  Step send_buffer(Bytes& buffer, std::size_t& sent);
  Step send_output();
  void begin_output();
  void skip_ahead();
  void on_caught_up();
  void earn_patience(std::size_t taken);
  [[nodiscard]] bool in_frame() const { return header_sent_ < kFrameHeaderSize || frame_left_ > 0; }
  void set_gone();
  void update_events();

  EventLoop& loop_;
  UniqueFd socket_;
  const Scrollback& scrollback_;
  Options options_;
  Owner& owner_;

  // Output: the next byte to send, and the frame it belongs to.
  std::uint64_t cursor_;
  std::array<std::uint8_t, kFrameHeaderSize> header_{};
  std::size_t header_sent_ = kFrameHeaderSize;
  std::size_t frame_left_ = 0;
  Bytes stash_;  // the rest of a frame that the ring has overwritten
  std::size_t stash_sent_ = 0;
  Bytes queue_;  // whole frames other than output
  std::size_t queue_sent_ = 0;
  std::size_t queue_limit_ = kMaxQueued;

  std::unique_ptr<GivenTerminal> terminal_;
  UniqueFd offered_;            // came with bytes whose frame is not complete
  std::string terminal_queue_;  // what is not output, for the terminal that is given or awaited
  std::optional<Show> show_;    // waits for a place; the last one wins
  std::optional<ExitResult> result_;

  Clock::duration patience_;
  std::optional<Clock::time_point> waiting_since_;  // up to here patience_ is settled

  FrameDecoder decoder_;
  std::unique_ptr<IoWatch> watch_;

  std::uint32_t shows_ = 0;  // SHOWs that came
  State state_ = State::kAttached;
  bool want_write_ = false;
  bool lagging_ = false;
  bool missed_ = false;  // output: it is to be drawn anew
  bool input_waits_ = false;
  bool awaits_terminal_;
};

}  // namespace ptyd
