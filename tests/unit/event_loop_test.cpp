// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/event_loop.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include "tests/support/run_loop.hpp"
#include "tests/support/temp_dir.hpp"

namespace ptyd {
namespace {

using namespace std::chrono_literals;
using test::run_idle;
using test::run_until;

// A descriptor that is readable at once and stays so.
UniqueFd ready_fd() { return UniqueFd(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)); }

TEST(IoWatch, ReportsUntilDestroyed) {
  EventLoop loop;
  const auto fd = ready_fd();
  int calls = 0;
  auto watch = std::make_unique<IoWatch>(loop, fd.get(), EPOLLIN, [&](std::uint32_t events) {
    EXPECT_NE(events & EPOLLIN, 0U);
    ++calls;
  });
  EXPECT_TRUE(run_until(loop, [&] { return calls == 3; }));
  watch.reset();
  run_idle(loop);
  EXPECT_EQ(calls, 3);
}

TEST(IoWatch, ReportsOnlyTheEventsThatAreSet) {
  EventLoop loop;
  const auto fd = ready_fd();
  std::uint32_t seen = 0;
  IoWatch watch(loop, fd.get(), 0, [&](std::uint32_t events) { seen |= events; });
  run_idle(loop);
  EXPECT_EQ(seen, 0U);
  watch.set_events(EPOLLOUT);
  EXPECT_TRUE(run_until(loop, [&] { return seen != 0; }));
  EXPECT_EQ(seen, static_cast<std::uint32_t>(EPOLLOUT));
}

TEST(IoWatch, RefusesWhatCannotBeWatched) {
  EventLoop loop;
  const test::TempDir dir;
  const UniqueFd file(::open((dir / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  try {
    const IoWatch watch(loop, file.get(), EPOLLIN, [](std::uint32_t) {});
    FAIL() << "a regular file was watched";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EPERM);
  }
}

TEST(IoWatch, MayBeDestroyedInItsOwnCallback) {
  EventLoop loop;
  const auto fd = ready_fd();
  int calls = 0;
  std::unique_ptr<IoWatch> watch;
  // The captured text lives in the callback, and must outlive its destruction from within.
  const std::string text(100, 'x');
  watch = std::make_unique<IoWatch>(loop, fd.get(), EPOLLIN, [&, text](std::uint32_t) {
    watch.reset();
    calls += static_cast<int>(text.size());
  });
  run_idle(loop);
  EXPECT_EQ(calls, 100);
}

TEST(IoWatch, DestroyedByAnotherOfTheSameTurnIsNotCalled) {
  EventLoop loop;
  constexpr std::size_t kCount = 10;
  std::vector<UniqueFd> fds;
  std::vector<std::unique_ptr<IoWatch>> watches(kCount);
  int calls = 0;
  for (auto& watch : watches) {
    fds.push_back(ready_fd());
    watch = std::make_unique<IoWatch>(loop, fds.back().get(), EPOLLIN, [&](std::uint32_t) {
      ++calls;
      watches.clear();
    });
  }
  run_idle(loop);
  EXPECT_EQ(calls, 1);
}

TEST(IoWatch, MayBeReplacedInItsCallbackOnTheSameDescriptor) {
  EventLoop loop;
  const auto fd = ready_fd();
  int first = 0, second = 0;
  std::unique_ptr<IoWatch> watch;
  watch = std::make_unique<IoWatch>(loop, fd.get(), EPOLLIN, [&](std::uint32_t) {
    ++first;
    watch.reset();
    watch = std::make_unique<IoWatch>(loop, fd.get(), EPOLLIN, [&](std::uint32_t) { ++second; });
  });
  EXPECT_TRUE(run_until(loop, [&] { return second == 2; }));
  EXPECT_EQ(first, 1);
}

TEST(IoWatch, ManyReadyDescriptorsAreAllServed) {
  EventLoop loop;
  constexpr std::size_t kCount = 200;  // more than one epoll_wait fetches
  std::vector<UniqueFd> fds;
  std::vector<std::unique_ptr<IoWatch>> watches;
  std::array<int, kCount> calls{};
  for (std::size_t i = 0; i < kCount; ++i) {
    fds.push_back(ready_fd());
    watches.push_back(std::make_unique<IoWatch>(loop, fds.back().get(), EPOLLIN,
                                                [&calls, i](std::uint32_t) { ++calls[i]; }));
  }
  EXPECT_TRUE(run_until(
      loop, [&] { return std::all_of(calls.begin(), calls.end(), [](int n) { return n > 0; }); }));
}

TEST(Timer, FiresOnceAndNotEarly) {
  EventLoop loop;
  int calls = 0;
  Timer timer(loop, [&] { ++calls; });
  const auto begin = Clock::now();
  timer.start(20ms);
  EXPECT_TRUE(timer.active());
  EXPECT_TRUE(run_until(loop, [&] { return calls > 0; }));
  EXPECT_GE(Clock::now() - begin, 20ms);
  EXPECT_FALSE(timer.active());
  run_idle(loop);
  EXPECT_EQ(calls, 1);
}

TEST(Timer, FireInTheOrderOfTheirDeadlines) {
  EventLoop loop;
  std::string order;
  Timer c(loop, [&] { order += 'c'; });
  Timer a(loop, [&] { order += 'a'; });
  Timer b(loop, [&] { order += 'b'; });
  c.start(30ms);
  a.start(10ms);
  b.start(20ms);
  EXPECT_TRUE(run_until(loop, [&] { return order.size() == 3; }));
  EXPECT_EQ(order, "abc");
}

TEST(Timer, StartAgainMovesTheDeadline) {
  EventLoop loop;
  int calls = 0;
  Timer later(loop, [&] { ++calls; });
  const auto begin = Clock::now();
  later.start(5ms);
  later.start(50ms);
  EXPECT_TRUE(run_until(loop, [&] { return calls > 0; }));
  EXPECT_GE(Clock::now() - begin, 50ms);
  later.start(1h);
  later.start(5ms);
  EXPECT_TRUE(run_until(loop, [&] { return calls == 2; }));
}

TEST(Timer, StoppedOrDestroyedDoesNotFire) {
  EventLoop loop;
  Timer stopped(loop, [] { FAIL(); });
  stopped.start(5ms);
  stopped.stop();
  {
    Timer destroyed(loop, [] { FAIL(); });
    destroyed.start(5ms);
  }
  bool done = false;
  Timer after(loop, [&] { done = true; });
  after.start(20ms);
  EXPECT_TRUE(run_until(loop, [&] { return done; }));
}

TEST(Timer, DueInTheSameTurnCanStopMoveAndDestroyEachOther) {
  EventLoop loop;
  int calls = 0;
  auto destroyed = std::make_unique<Timer>(loop, [] { FAIL(); });
  Timer stopped(loop, [] { FAIL(); });
  Timer moved(loop, [&] { calls += 10; });
  Timer first(loop, [&] {
    ++calls;
    destroyed.reset();
    stopped.stop();
    moved.start(30ms);
  });
  first.start(1ms);
  destroyed->start(2ms);
  stopped.start(2ms);
  moved.start(2ms);
  std::this_thread::sleep_for(10ms);  // all are due when the loop looks
  loop.run_once(0ms);
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(run_until(loop, [&] { return calls == 11; }));
}

TEST(Timer, MayBeDestroyedOrRestartedInItsCallback) {
  EventLoop loop;
  int calls = 0;
  std::unique_ptr<Timer> gone;
  gone = std::make_unique<Timer>(loop, [&, text = std::string(100, 'x')] {
    gone.reset();
    calls += static_cast<int>(text.size());
  });
  gone->start(0ms);
  EXPECT_TRUE(run_until(loop, [&] { return calls == 100; }));

  std::optional<Timer> again;
  again.emplace(loop, [&] {
    if (++calls < 110) again->start(0ms);
  });
  again->start(0ms);
  EXPECT_TRUE(run_until(loop, [&] { return calls == 110; }));
  EXPECT_FALSE(again->active());
}

TEST(Timer, RestartedWithZeroDoesNotHoldTheLoop) {
  EventLoop loop;
  const auto fd = ready_fd();
  bool served = false;
  std::optional<Timer> hungry;
  hungry.emplace(loop, [&] { hungry->start(0ms); });
  hungry->start(0ms);
  const IoWatch watch(loop, fd.get(), EPOLLIN, [&](std::uint32_t) { served = true; });
  EXPECT_TRUE(run_until(loop, [&] { return served; }));
}

TEST(SignalWatch, DeliversSignalsAsEvents) {
  EventLoop loop;
  std::vector<int> seen;
  const SignalWatch watch(loop, {SIGUSR1, SIGUSR2}, [&](const signalfd_siginfo& info) {
    seen.push_back(static_cast<int>(info.ssi_signo));
    EXPECT_EQ(static_cast<pid_t>(info.ssi_pid), ::getpid());
  });
  ::kill(::getpid(), SIGUSR1);
  ::kill(::getpid(), SIGUSR2);
  EXPECT_TRUE(run_until(loop, [&] { return seen.size() == 2; }));
}

TEST(SignalWatch, MayBeDestroyedInItsCallback) {
  EventLoop loop;
  int calls = 0;
  std::unique_ptr<SignalWatch> watch;
  watch = std::make_unique<SignalWatch>(loop, std::initializer_list<int>{SIGUSR1},
                                        [&](const signalfd_siginfo&) {
                                          watch.reset();
                                          ++calls;
                                        });
  ::kill(::getpid(), SIGUSR1);
  EXPECT_TRUE(run_until(loop, [&] { return calls == 1; }));
  // Still blocked: a late signal must not end an orderly exit.
  ::kill(::getpid(), SIGUSR1);
  run_idle(loop);
  EXPECT_EQ(calls, 1);
}

TEST(Mailbox, RunsTasksOfOtherThreadsOnTheLoop) {
  EventLoop loop;
  Mailbox mailbox(loop);
  constexpr int kThreads = 4, kTasks = 500;
  const auto here = std::this_thread::get_id();
  int done = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < kTasks; ++i)
        mailbox.post([&] {
          EXPECT_EQ(std::this_thread::get_id(), here);
          ++done;
        });
    });
  EXPECT_TRUE(run_until(loop, [&] { return done == kThreads * kTasks; }));
  for (auto& thread : threads) thread.join();
}

TEST(Mailbox, WakesASleepingLoop) {
  EventLoop loop;
  Mailbox mailbox(loop);
  std::thread other([&] {
    std::this_thread::sleep_for(10ms);
    mailbox.post([&] { loop.quit(); });
  });
  loop.run();
  other.join();
}

TEST(EventLoop, RunsPostedTasksAfterTheCallbacksOfTheTurn) {
  EventLoop loop;
  const auto fd = ready_fd();
  std::string order;
  IoWatch watch(loop, fd.get(), EPOLLIN, [&](std::uint32_t) {
    if (!order.empty()) return;
    loop.post([&] { order += 'b'; });
    order += 'a';
  });
  loop.run_once(-1ms);
  EXPECT_EQ(order, "ab");
}

TEST(EventLoop, ATaskPostedByATaskRunsInTheNextTurn) {
  EventLoop loop;
  int done = 0;
  loop.post([&] {
    ++done;
    loop.post([&] { ++done; });
  });
  loop.run_once(-1ms);  // does not sleep: there is something to do
  EXPECT_EQ(done, 1);
  loop.run_once(-1ms);
  EXPECT_EQ(done, 2);
}

TEST(EventLoop, ATaskMayDestroyAWatchThatIsReady) {
  EventLoop loop;
  const auto fd = ready_fd();
  int calls = 0;
  std::unique_ptr<IoWatch> watch;
  watch = std::make_unique<IoWatch>(loop, fd.get(), EPOLLIN, [&](std::uint32_t) {
    ++calls;
    loop.post([&] { watch.reset(); });
  });
  run_idle(loop);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace ptyd
