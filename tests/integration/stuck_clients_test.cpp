// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kStuck = 200;
constexpr int kGreedy = 5;
// The daemon's deadline, how often it looks, and a busy machine.
constexpr seconds kDropped{30 + 5 + 15};

// The median and the longest of `count` requests.
struct Latency {
  milliseconds median, worst;
};
Latency latency(ProtocolClient& client, int count) {
  std::vector<milliseconds> all;
  for (int i = 0; i < count; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(client.request("list").answered);
    all.push_back(
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin));
  }
  std::sort(all.begin(), all.end());
  return {all[all.size() / 2], all.back()};
}

std::int64_t memory(ProtocolClient& client) {
  return client.request("health").result.value("memoryUsage", std::int64_t{0});
}

// One who has said hello, and begins a request that it does not end.
ProtocolClient one_byte(const Daemon& daemon) {
  auto client = daemon.connect();
  EXPECT_TRUE(client.send_raw(Bytes{5}));
  return client;
}

// One who asks for more than the socket holds and reads none of it.
ProtocolClient greedy(const Daemon& daemon) {
  auto client = daemon.connect();
  for (int i = 0; i < 5; ++i) client.begin_request("capture", {{"session", "printer"}});
  return client;
}

TEST(StuckClients, AreDroppedInTimeAndCostTheOthersNothing) {
  Daemon daemon;
  auto other = daemon.connect();
  create(other, "printer", {"bash", "-c", "yes | head -c 300000; echo end; exec sleep infinity"});
  ASSERT_TRUE(wait_printed(other, "printer", "end"));
  const auto before = latency(other, 100);
  const auto memory_before = memory(other);

  // Those that have not said hello have less time.
  std::vector<ProtocolClient> silent, halves, unread;
  // First, since the log has only the first ten misdeeds of a user.
  for (int i = 0; i < kGreedy; ++i) unread.push_back(greedy(daemon));
  for (int i = 0; i < kStuck; ++i) {
    silent.emplace_back(daemon.socket());
    halves.push_back(one_byte(daemon));
  }

  const auto beside = latency(other, 100);
  const auto growth = memory(other) - memory_before;
  std::cout << "list took " << before.median.count() << " ms, at most " << before.worst.count()
            << " ms; beside " << 2 * kStuck + kGreedy << " stuck clients " << beside.median.count()
            << " ms, at most " << beside.worst.count() << " ms; they hold " << growth / 1024
            << " KiB\n";
  // Within a human's patience even on a machine that is busy with other tests.
  EXPECT_LT(beside.worst, seconds(2));
  // Of each the objects it needs, and of those who do not read some answers; see FrameChannel.
  EXPECT_LT(growth, std::int64_t{2 * kStuck} * 128 * 1024 + std::int64_t{kGreedy} * (4 << 20));

  const Deadline deadline(kDropped);
  for (auto& client : silent) EXPECT_TRUE(client.wait_closed());
  for (auto* stuck : {&halves, &unread})
    for (auto& client : *stuck)
      EXPECT_TRUE(client.wait_closed(milliseconds(std::max(1, deadline.poll_timeout()))));
  EXPECT_TRUE(daemon.wait_for_log("leaves a request unfinished; closing its connection"));
  EXPECT_TRUE(daemon.wait_for_log("does not read its answers; closing its connection"));
  // Who was only quiet meanwhile is served as before.
  EXPECT_EQ(other.request("health").result.value("clients", -1), 1);
}

}  // namespace
}  // namespace ptyd::test
