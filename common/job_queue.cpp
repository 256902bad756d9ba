// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/job_queue.hpp"

#include <algorithm>
#include <utility>

namespace ptyd {

JobQueue::JobQueue(EventLoop& loop) : next_turn_(loop, [this] { run(); }) {}

void JobQueue::add(std::function<void()> job) {
  jobs_.push_back(std::move(job));
  batch_ = std::max(batch_, jobs_.size() / kBatches);
  if (!next_turn_.active()) next_turn_.start(Clock::duration::zero());
}

void JobQueue::run() {
  std::size_t done = 0;
  do {
    const auto job = std::move(jobs_.front());
    jobs_.pop_front();
    job();
  } while (!jobs_.empty() && ++done < batch_);
  if (!jobs_.empty()) return next_turn_.start(kPause);
  batch_ = kMinBatch;
}

}  // namespace ptyd
