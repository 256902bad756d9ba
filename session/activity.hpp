// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <functional>

#include "common/event_loop.hpp"

namespace ptyd {

// Tells an active session from an idle one. Its timer runs only while the session is active, so an
// idle session wakes nobody.
class Activity {
 public:
  // `on_change` after each change of idle(). `idle_after` 0: never idle.
  Activity(EventLoop& loop, std::chrono::milliseconds idle_after, std::function<void()> on_change);

  // There was input or output.
  void note();
  void stop() { timer_.stop(); }
  [[nodiscard]] bool idle() const { return idle_; }

 private:
  void on_timer();

  Clock::duration idle_after_;
  std::function<void()> on_change_;
  Clock::time_point last_{};
  bool idle_ = false;
  Timer timer_;
};

}  // namespace ptyd
