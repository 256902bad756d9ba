// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/job_queue.hpp"

#include <gtest/gtest.h>

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

// Everything else the daemon serves has its turn between them.
TEST(JobQueue, LongOnesHaveATurnEach) {
  EventLoop loop;
  JobQueue jobs(loop);
  int done = 0;
  for (int i = 0; i < 3; ++i)
    jobs.add([&] {
      while (!loop.turn_is_long()) continue;
      ++done;
    });
  for (int turn = 1; turn <= 3; ++turn) {
    EXPECT_TRUE(run_until(loop, [&] { return done >= turn; }));
    EXPECT_EQ(done, turn);
  }
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
