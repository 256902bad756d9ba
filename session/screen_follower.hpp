// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "common/event_loop.hpp"
#include "common/scrollback/scrollback.hpp"
#include "common/terminal/screen.hpp"

namespace ptyd {

// What the session's terminal shows, worked out from the scrollback.
//
// To follow a program byte by byte would cost more than to carry its output. So output is only
// followed when the session is quiet for a moment, or when somebody asks. Of what a flood printed
// meanwhile, all but the last 1 MiB (less if the scrollback is smaller) is followed for its modes
// alone; the rest, which is many screens long, then shows what there is to see.
class ScreenFollower {
 public:
  // The scrollback must outlive it.
  ScreenFollower(EventLoop& loop, const Scrollback& scrollback, TerminalSize size);

  // Before up to kMaxOutputRead bytes go into the scrollback, and after.
  void before_output();
  void on_output();

  // The terminal's size changes, after all output so far.
  void resize(TerminalSize size);
  // After all output so far. Takes some milliseconds if there was much of it just now.
  const Screen& screen();
  // Nothing is shown to anybody any more.
  void stop() { quiet_timer_.stop(); }

 private:
  void follow(std::uint64_t until);
  void on_quiet();

  const Scrollback& scrollback_;
  Screen screen_;
  std::uint64_t position_ = 0;   // of what comes next to the screen
  std::uint64_t head_seen_ = 0;  // when the timer was started
  bool behind_ = false;          // output is skipped
  Timer quiet_timer_;
};

}  // namespace ptyd
