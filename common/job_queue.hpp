// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <deque>
#include <functional>

#include "common/event_loop.hpp"

namespace ptyd {

// Jobs that are short, but too many to be done in one turn of the loop: done in order, each turn as
// many as EventLoop::kTurnTime allows, and at least one. Those left when it is destroyed are never
// done. A job may add others; it must not destroy the queue. Unbounded: whoever adds has a bound,
// such as the number of sessions.
class JobQueue {
 public:
  explicit JobQueue(EventLoop& loop);

  // To be done by the loop, not here.
  void add(std::function<void()> job);
  [[nodiscard]] bool empty() const { return jobs_.empty(); }

 private:
  void run();

  EventLoop& loop_;
  std::deque<std::function<void()>> jobs_;
  Timer next_turn_;
};

}  // namespace ptyd
