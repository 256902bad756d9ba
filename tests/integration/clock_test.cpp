// SPDX-License-Identifier: LGPL-2.1-or-later
// Somebody sets the machine's clock.
#include <gtest/gtest.h>
#include <time.h>

#include <chrono>
#include <filesystem>
#include <iostream>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

// What a drain is given, once, and when it is extended.
constexpr milliseconds kGrace{1500};

constexpr long kTenYears = 10L * 365 * 24 * 60 * 60;

// A daemon and hosts whose wall clock is so many seconds off as the file `clock` says at that
// moment. Their monotonic clock is the kernel's.
class ClockTest : public testing::TestWithParam<long> {
 protected:
  ClockTest() : daemon_(DaemonOptions{.config = "store: {interval: 100ms}\n", .started = false}) {
    set_clock(0);
    // The sanitizer's library does not insist on being the first one.
    daemon_.set_runner({"sh", "-c",
                        "ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0"
                        " LD_PRELOAD=" PTYD_TEST_SET_CLOCK " CLOCK_OFFSET_FILE=$0 exec \"$@\"",
                        clock_file()});
    daemon_.start();
  }
  [[nodiscard]] std::string clock_file() const { return daemon_.folder() / "clock"; }
  // At one stroke: the clock is looked at all the time.
  void set_clock(long offset) const {
    write_file(clock_file() + ".new", std::to_string(offset));
    std::filesystem::rename(clock_file() + ".new", clock_file());
  }

  Daemon daemon_;
};

// Of all its timers, as the kernel has them.
bool timers_are_monotonic(pid_t pid) {
  int timers = 0;
  for (const auto& file :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fdinfo")) {
    const auto info = read_file(file.path());
    const auto at = info.find("clockid: ");
    if (at == std::string::npos) continue;
    ++timers;
    EXPECT_EQ(info.substr(at, info.find('\n', at) - at),
              "clockid: " + std::to_string(CLOCK_MONOTONIC));
  }
  return timers > 0;
}

std::string year(ProtocolClient& client) {
  return client.request("health").result.value("timestamp", "").substr(0, 4);
}

TEST_P(ClockTest, IsSetDuringADrainAndMovesNoDeadline) {
  auto client = daemon_.connect();
  const auto before = year(client);
  const auto id = create(client, "sleeper", {"sleep", "1000000"}).value("id", "");
  const auto brief = create(client, "brief", {"true"}).value("id", "");
  ASSERT_TRUE(client.request("wait", {{"session", brief}}).answered);
  EXPECT_TRUE(timers_are_monotonic(daemon_.pid()));
  for (const auto host : daemon_.hosts()) EXPECT_TRUE(timers_are_monotonic(host));
  const auto begin = SteadyClock::now();
  ASSERT_TRUE(
      client.request("drain", {{"exit", true}, {"graceMs", kGrace.count()}}).result.is_object());
  set_clock(GetParam());
  ASSERT_TRUE(eventually([&] { return year(client) != before; }));
  const auto ended = daemon_.wait_exit();
  const auto took = std::chrono::duration_cast<milliseconds>(SteadyClock::now() - begin);
  EXPECT_EQ(ended, (ExitResult{EndKind::kExited, 1})) << daemon_.log().text();
  EXPECT_GE(took, 2 * kGrace);
  EXPECT_LT(took, 2 * kGrace + std::chrono::seconds(10));
  EXPECT_EQ(record(daemon_, id)["endedBy"], "SIGTERM");
  std::cout << "with the clock set by " << GetParam() << " s a drain of two times "
            << kGrace.count() << " ms took " << took.count() << " ms\n";
  EXPECT_EQ(record(daemon_, brief)["state"], "stopped") << "taken for old";
}
INSTANTIATE_TEST_SUITE_P(TenYears, ClockTest, testing::Values(kTenYears, -kTenYears),
                         [](const auto& test) { return test.param > 0 ? "forth" : "back"; });

}  // namespace
}  // namespace ptyd::test
