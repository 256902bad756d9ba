// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/job_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "tests/support/run_loop.hpp"

namespace ptyd {
namespace {

using test::run_idle;
using test::run_until;

TEST(JobQueue, DoesThemInOrderAndNoneAtOnce) {
  EventLoop loop;
  JobQueue jobs(loop);
  std::vector<int> done;
  for (int i = 0; i < 3; ++i) jobs.add([&done, i] { done.push_back(i); });
  EXPECT_TRUE(done.empty());
  EXPECT_TRUE(run_until(loop, [&] { return jobs.empty(); }));
  EXPECT_EQ(done, (std::vector<int>{0, 1, 2}));
}

// A thousand session hosts that were woken at once kept the daemon from its processor for 170 ms.
TEST(JobQueue, ManyAreDoneInBatchesWithAPause) {
  EventLoop loop;
  JobQueue jobs(loop);
  std::size_t done = 0;
  std::size_t in_turn = 0;
  std::size_t most = 0;
  const auto begin = Clock::now();
  constexpr std::size_t kBatch = 2 * JobQueue::kMinBatch;
  for (std::size_t i = 0; i < kBatch * JobQueue::kBatches; ++i)
    jobs.add([&] {
      ++done;
      most = std::max(most, ++in_turn);
    });
  while (!jobs.empty()) {
    in_turn = 0;
    loop.run_once(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(done, kBatch * JobQueue::kBatches);
  EXPECT_LE(most, kBatch);
  EXPECT_GE(Clock::now() - begin, JobQueue::kPause * static_cast<int>(JobQueue::kBatches - 1));
}

TEST(JobQueue, AJobMayAddAnother) {
  EventLoop loop;
  JobQueue jobs(loop);
  int done = 0;
  jobs.add([&] { jobs.add([&] { ++done; }); });
  EXPECT_TRUE(run_until(loop, [&] { return done == 1; }));
  EXPECT_TRUE(jobs.empty());
}

TEST(JobQueue, DestroyedDoesNoMore) {
  EventLoop loop;
  auto jobs = std::make_unique<JobQueue>(loop);
  int done = 0;
  jobs->add([&] { ++done; });
  jobs.reset();
  run_idle(loop);
  EXPECT_EQ(done, 0);
}

}  // namespace
}  // namespace ptyd
