// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>

#include "common/event_loop.hpp"

namespace ptyd {

// Jobs that are short, but too many to be done at once: done in order, a batch a turn, and then a
// pause. Each may wake a process that goes to work, and a thousand of them, all awake, would leave
// their waker no processor. A batch has a size, and not a time: where the processor is scarce
// already, its waker must not give it up all the earlier. Those left when the queue is destroyed
// are never done. A job may add others; it must not destroy the queue. Unbounded: whoever adds has
// a bound, such as the number of sessions.
class JobQueue {
 public:
  explicit JobQueue(EventLoop& loop);

  static constexpr std::size_t kMinBatch = 32;
  static constexpr std::size_t kBatches = 50;  // at most, of what waits at one time
  static constexpr std::chrono::milliseconds kPause{10};

  // To be done by the loop, not here.
  void add(std::function<void()> job);
  [[nodiscard]] bool empty() const { return jobs_.empty(); }

 private:
  void run();

  std::deque<std::function<void()>> jobs_;
  std::size_t batch_ = kMinBatch;
  Timer next_turn_;
};

}  // namespace ptyd
