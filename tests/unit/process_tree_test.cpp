// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/process_tree.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "tests/support/process.hpp"
#include "tests/support/temp_dir.hpp"

namespace ptyd {
namespace {

using test::Process;

// The pids that a shell script prints, one a line.
std::vector<pid_t> printed_pids(const Process& process, int count) {
  EXPECT_TRUE(process.out().wait_until(
      [&](const std::string& text) { return std::count(text.begin(), text.end(), '\n') >= count; },
      std::to_string(count) + " pids"));
  std::istringstream in(process.out().text());
  std::vector<pid_t> pids;
  for (pid_t pid = 0; in >> pid;) pids.push_back(pid);
  return pids;
}

bool contains(const std::vector<pid_t>& pids, pid_t pid) {
  return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

// Waits for the end of an orphan that came to this process.
void reap(pid_t pid) { EXPECT_EQ(::waitpid(pid, nullptr, 0), pid); }

TEST(ProcessTree, ListsAllDescendantsParentsFirst) {
  Process shell({"sh", "-c", "echo $$; (sleep 1000 & echo $!; wait) & echo $!; wait"});
  const auto pids = printed_pids(shell, 3);
  ASSERT_EQ(pids.size(), 3U);
  const auto found = descendants(::getpid());
  for (const auto pid : pids) EXPECT_TRUE(contains(found, pid)) << pid;
  EXPECT_EQ(found.front(), shell.child().pid());
  const auto below = descendants(shell.child().pid());
  ASSERT_EQ(below.size(), 2U);
  EXPECT_EQ(descendants(below[0]), std::vector<pid_t>{below[1]});
  // With the sleeper, all of them end.
  EXPECT_TRUE(signal_descendant(shell.child().pid(), below[1], SIGKILL));
  EXPECT_TRUE(shell.wait_exit());
}

TEST(ProcessTree, HoldsOrphansThatASubreaperCollects) {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  // A daemon's way to leave: fork twice, with a session of its own.
  Process shell({"sh", "-c", "setsid sh -c 'sleep 1000 & echo $!' & wait"});
  const auto pids = printed_pids(shell, 1);
  ASSERT_EQ(pids.size(), 1U);
  ASSERT_TRUE(shell.wait_exit());
  EXPECT_TRUE(contains(descendants(::getpid()), pids[0]));
  EXPECT_TRUE(signal_descendant(::getpid(), pids[0], SIGKILL));
  reap(pids[0]);
  EXPECT_FALSE(contains(descendants(::getpid()), pids[0]));
}

// A process whose parent ended while its ancestors were looked up was taken for a stranger and got
// no signal.
TEST(ProcessTree, SignalsAChildThatIsBeingHandedOn) {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  constexpr int kRounds = 200;
  for (int round = 0; round < kRounds; ++round) {
    Process shell({"sh", "-c", "sh -c 'sleep 1000 & echo $!; wait' & echo $!; wait"});
    auto pids = printed_pids(shell, 2);
    ASSERT_EQ(pids.size(), 2U);
    if (descendants(pids[0]).empty()) std::swap(pids[0], pids[1]);
    // The one in between is reaped by a parent that waits, at any moment of what follows.
    EXPECT_TRUE(signal_descendant(::getpid(), pids[0], SIGKILL));
    EXPECT_TRUE(signal_descendant(::getpid(), pids[1], SIGKILL)) << "round " << round;
    EXPECT_TRUE(shell.wait_exit());
    reap(pids[1]);
  }
}

TEST(ProcessTree, SignalsOnlyDescendants) {
  Process one({"sleep", "1000"});
  Process other({"sleep", "1000"});
  EXPECT_FALSE(signal_descendant(one.child().pid(), other.child().pid(), SIGKILL));
  EXPECT_FALSE(signal_descendant(::getpid(), ::getppid(), SIGCONT));
  EXPECT_FALSE(signal_descendant(::getpid(), ::getpid(), SIGCONT));
  EXPECT_FALSE(signal_descendant(::getpid(), 0, SIGCONT));
  EXPECT_FALSE(signal_descendant(::getpid(), -1, SIGCONT));
  EXPECT_TRUE(other.child().running());
  const auto pid = one.child().pid();
  EXPECT_TRUE(signal_descendant(::getpid(), pid, SIGTERM));
  EXPECT_EQ(one.wait_exit(), (ExitResult{EndKind::kSignaled, SIGTERM}));
  EXPECT_FALSE(signal_descendant(::getpid(), pid, SIGTERM));
}

TEST(ProcessTree, LeavesOutAChildWithAllBelowIt) {
  Process mine({"sh", "-c", "sleep 1000 & echo $!; wait"});
  Process others({"sh", "-c", "sleep 1000 & echo $!; wait"});
  const auto sleeper = printed_pids(mine, 1).at(0);
  const auto foreign_sleeper = printed_pids(others, 1).at(0);
  const std::vector<pid_t> without{others.child().pid()};
  EXPECT_TRUE(contains(children(::getpid()), others.child().pid()));
  EXPECT_FALSE(contains(children(::getpid()), foreign_sleeper));
  const auto found = descendants(::getpid(), without);
  EXPECT_TRUE(contains(found, mine.child().pid()));
  EXPECT_TRUE(contains(found, sleeper));
  EXPECT_FALSE(contains(found, others.child().pid()));
  EXPECT_FALSE(contains(found, foreign_sleeper));
  EXPECT_FALSE(signal_descendant(::getpid(), foreign_sleeper, SIGKILL, without));
  EXPECT_FALSE(signal_descendant(::getpid(), others.child().pid(), SIGKILL, without));
  EXPECT_TRUE(signal_descendant(::getpid(), sleeper, SIGKILL, without));
  EXPECT_TRUE(mine.wait_exit());
  EXPECT_TRUE(others.child().running());
  EXPECT_TRUE(signal_descendant(::getpid(), foreign_sleeper, SIGKILL));
  EXPECT_TRUE(others.wait_exit());
}

TEST(ProcessTree, IsNotFooledByProcessNames) {
  const test::TempDir dir;
  // The name stands in /proc/PID/stat, in front of the parent's pid.
  const auto program = dir / "x) S 1 (y";
  std::filesystem::copy_file("/bin/sleep", program);
  Process process({program, "1000"});
  EXPECT_TRUE(signal_descendant(::getpid(), process.child().pid(), SIGTERM));
  EXPECT_EQ(process.wait_exit(), (ExitResult{EndKind::kSignaled, SIGTERM}));
}

TEST(ProcessTree, IsEmptyForWhatDoesNotExist) {
  EXPECT_TRUE(descendants(-1).empty());
  EXPECT_TRUE(descendants(0).empty());
  Process process({"true"});
  const auto pid = process.child().pid();
  ASSERT_TRUE(process.wait_exit());
  EXPECT_TRUE(descendants(pid).empty());
}

}  // namespace
}  // namespace ptyd
