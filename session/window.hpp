// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/event_loop.hpp"
#include "common/protocol.hpp"
#include "session/pty.hpp"

namespace ptyd {

// The size of the session's terminal. Can make a full-screen program draw anew, for a viewer whose
// terminal shows nothing of it yet.
class Window {
 public:
  Window(EventLoop& loop, Pty& pty, TerminalSize size);

  [[nodiscard]] TerminalSize size() const { return size_; }
  // It has had this size since the session began.
  [[nodiscard]] bool never_changed() const { return !changed_; }
  // False when it is that size already.
  bool set(TerminalSize size);
  // Another size for a moment: programs draw when it changes. It is put right once the program has
  // printed something, or soon.
  void redraw();
  void on_output();

 private:
  void put_right();

  Pty& pty_;
  TerminalSize size_;
  bool changed_ = false;
  Timer put_right_timer_;
};

}  // namespace ptyd
