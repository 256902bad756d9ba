// SPDX-License-Identifier: LGPL-2.1-or-later
// As many sessions as the limits allow by default.
#include <gtest/gtest.h>

#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

// The default limit; fewer where a sanitizer makes each host ten times as heavy.
#ifdef __SANITIZE_ADDRESS__
constexpr int kSessions = 200;
#else
constexpr int kSessions = 1000;
#endif
// PTYD_TEST_SESSIONS makes it another number.
int chosen_count() {
  const char* count = std::getenv("PTYD_TEST_SESSIONS");
  return count == nullptr ? kSessions : std::atoi(count);
}

milliseconds since(SteadyClock::time_point begin) {
  return std::chrono::duration_cast<milliseconds>(SteadyClock::now() - begin);
}

// How long the loop was busy at most since the daemon's start, in ms.
double longest_pause(ProtocolClient& client) {
  return client.request("health").result.value("loopLagMax", -1.0);
}
// The same in the end.
std::string last_longest_pause(const Daemon& daemon) {
  const auto log = daemon.log().text();
  const std::string mark = "The loop's longest turn: ";
  const auto at = log.find(mark);
  EXPECT_NE(at, std::string::npos);
  return at == std::string::npos
             ? ""
             : log.substr(at + mark.size(), log.find('\n', at) - at - mark.size());
}

int stopped_records(const Daemon& daemon) {
  int count = 0;
  for (const auto& file : std::filesystem::directory_iterator(daemon.state_dir() + "/sessions")) {
    if (file.path().extension() != ".json") continue;
    const auto json = Json::parse(read_file(file.path()), nullptr, false);
    EXPECT_EQ(json["state"], "stopped") << json;
    EXPECT_EQ(json["endedBy"], "SIGTERM") << json;
    ++count;
  }
  return count;
}

TEST(Scale, ManySessionsStopInTime) {
  const auto wanted = chosen_count();
  Daemon daemon(DaemonOptions{.config = "log: {level: debug}\nlimits: {sessions: 2000, "
                                        "sessions_per_user: 2000}\nstore: {keep: 2000}\n"});
  auto client = daemon.connect();
  auto begin = SteadyClock::now();
  for (int i = 0; i < wanted; ++i)
    create(client, "sleeper-" + std::to_string(i), {"sleep", "1000000"});
  const auto created = since(begin);
  const auto creating = longest_pause(client);
  for (int i = 0; i < 10; ++i)
    ASSERT_EQ(client.request("list").items.size(), static_cast<std::size_t>(wanted));
  const auto listing = longest_pause(client);
  begin = SteadyClock::now();
  ASSERT_TRUE(daemon.signal(SIGTERM));
  const auto ended = daemon.wait_exit();
  const auto stopped = since(begin);
  ASSERT_EQ(ended, (ExitResult{EndKind::kExited, 0})) << daemon.log().text();
  EXPECT_LT(stopped, std::chrono::seconds(10));
  EXPECT_EQ(stopped_records(daemon), wanted);
  EXPECT_TRUE(daemon.hosts().empty());
  std::cout << wanted << " sessions created in " << created.count() << " ms, stopped in "
            << stopped.count() << " ms; the loop's longest pause " << creating
            << " ms while creating, " << listing << " ms with ten lists, "
            << last_longest_pause(daemon) << " with the stop\n";
}

}  // namespace
}  // namespace ptyd::test
