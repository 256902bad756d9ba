// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/job_queue.hpp"

#include <utility>

namespace ptyd {

JobQueue::JobQueue(EventLoop& loop) : loop_(loop), next_turn_(loop, [this] { run(); }) {}

void JobQueue::add(std::function<void()> job) {
  jobs_.push_back(std::move(job));
  if (!next_turn_.active()) next_turn_.start(Clock::duration::zero());
}

void JobQueue::run() {
  do {
    const auto job = std::move(jobs_.front());
    jobs_.pop_front();
    job();
  } while (!jobs_.empty() && !loop_.turn_is_long());
  if (!jobs_.empty()) next_turn_.start(Clock::duration::zero());
}

}  // namespace ptyd
