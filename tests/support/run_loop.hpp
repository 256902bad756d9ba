// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <concepts>

#include "common/event_loop.hpp"
#include "tests/support/deadline.hpp"

namespace ptyd::test {

// Turns the loop until the condition holds; false when it does not within `timeout`.
template <std::predicate Condition>
bool run_until(EventLoop& loop, Condition condition,
               std::chrono::milliseconds timeout = kPatience) {
  const Deadline deadline(timeout);
  while (!condition()) {
    if (deadline.passed()) return false;
    loop.run_once(std::chrono::milliseconds(deadline.poll_timeout()));
  }
  return true;
}

// Turns the loop for as long as something is ready: for "and nothing else happens".
inline void run_idle(EventLoop& loop, int turns = 20) {
  for (int i = 0; i < turns; ++i) loop.run_once(std::chrono::milliseconds(1));
}

}  // namespace ptyd::test
