// SPDX-License-Identifier: LGPL-2.1-or-later
// Stops at moments that nobody chose, while everything is busy.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>
#include <thread>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

// PTYD_TEST_STOPS=200 makes it so many stops, of more sessions: seconds each, most of which is the
// sessions' stop timeout. By default it is one that a busy machine has the time for.
struct Load {
  int stops = 1;
  int flooding = 8;
  int stubborn = 8;
};
Load chosen_load() {
  const char* stops = std::getenv("PTYD_TEST_STOPS");
  return stops == nullptr ? Load{} : Load{std::atoi(stops), 50, 20};
}

// Clients that create, attach and leave without a pause, until there is no daemon.
class Crowd {
 public:
  explicit Crowd(const Daemon& daemon) {
    for (int i = 0; i < 4; ++i)
      threads_.emplace_back([this, &daemon, i] {
        while (!over_) come_and_go(daemon, i);
      });
  }
  ~Crowd() { leave(); }
  void leave() {
    over_ = true;
    for (auto& thread : threads_)
      if (thread.joinable()) thread.join();
  }
  [[nodiscard]] int served() const { return served_; }

 private:
  void come_and_go(const Daemon& daemon, int number) {
    try {
      auto client = daemon.connect();
      const auto made = client.request("create", {{"command", {"true"}}});
      // Whatever the moment, the answer is one or the other, or the connection ends.
      if (made.answered && (made.result.is_object() || !made.code().empty())) ++served_;
      auto viewer = daemon.connect();
      (void)viewer.attach("flood-" + std::to_string(number));
      (void)viewer.next_frame(milliseconds(10));
    } catch (const std::exception&) {
      // Stopping, or gone.
    }
  }

  std::atomic<bool> over_ = false;
  std::atomic<int> served_ = 0;
  std::vector<std::thread> threads_;
};

struct Sessions {
  std::vector<std::string> flooding, stubborn;  // ids
};

// Until it is opened, a session that is to flood waits: else each new one is slower to come.
class Gate {
 public:
  explicit Gate(const Daemon& daemon) : path_(daemon.folder() / "gate") {
    if (::mkfifo(path_.c_str(), 0600) < 0 && errno != EEXIST) ADD_FAILURE() << "no " << path_;
  }
  [[nodiscard]] std::vector<std::string> flood_behind() const {
    return {"nice", "-n", "19", "sh", "-c", ": < " + path_ + "; exec yes"};
  }
  void open() { end_ = UniqueFd(::open(path_.c_str(), O_RDWR | O_CLOEXEC)); }

 private:
  std::string path_;
  UniqueFd end_;
};

Sessions create_all(ProtocolClient& client, const Load& load, const Gate& gate) {
  Sessions all;
  for (int i = 0; i < load.stubborn; ++i) {
    const auto name = "stubborn-" + std::to_string(i);
    all.stubborn.push_back(create(client, name, stubborn_command()).value("id", ""));
    EXPECT_TRUE(wait_printed(client, name, "armed"));
  }
  for (int i = 0; i < load.flooding; ++i)
    all.flooding.push_back(
        create(client, "flood-" + std::to_string(i), gate.flood_behind()).value("id", ""));
  return all;
}

void expect_ended(const Daemon& daemon, const Sessions& sessions) {
  for (const auto& id : sessions.flooding) EXPECT_EQ(record(daemon, id)["endedBy"], "SIGTERM");
  for (const auto& id : sessions.stubborn) EXPECT_EQ(record(daemon, id)["endedBy"], "SIGKILL");
  for (const auto& file : fs::directory_iterator(daemon.state_dir() + "/sessions")) {
    if (file.path().extension() != ".json") continue;
    const auto json = Json::parse(read_file(file.path()), nullptr, false);
    EXPECT_EQ(json.value("state", ""), "stopped") << json;
    EXPECT_NE(json.value("endedBy", ""), "") << json;
  }
  EXPECT_TRUE(daemon.hosts().empty());
}

TEST(StopLoad, EachStopIsInTimeAndInOrder) {
  const auto load = chosen_load();
  const auto seed = std::random_device()();
  std::mt19937 random(seed);
  std::vector<milliseconds> times;
  int served = 0;
  Daemon daemon(DaemonOptions{.config = "store: {keep: 200}\n", .started = false});
  for (int i = 0; i < load.stops && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("stop " + std::to_string(i) + ", seed " + std::to_string(seed));
    daemon.start();
    auto client = daemon.connect();
    Gate gate(daemon);
    const auto sessions = create_all(client, load, gate);
    gate.open();
    Crowd crowd(daemon);
    // A moment that nobody chose.
    const auto moment = static_cast<int>(random() % 10);
    ASSERT_TRUE(eventually([&] { return crowd.served() > moment; }));
    const auto begin = SteadyClock::now();
    ASSERT_TRUE(daemon.signal(SIGTERM));
    const auto ended = daemon.wait_exit();
    times.push_back(std::chrono::duration_cast<milliseconds>(SteadyClock::now() - begin));
    crowd.leave();
    served += crowd.served();
    ASSERT_EQ(ended, (ExitResult{EndKind::kExited, 0})) << daemon.log().text();
    EXPECT_LT(times.back(), std::chrono::seconds(10)) << daemon.log().text();
    expect_ended(daemon, sessions);
  }
  std::sort(times.begin(), times.end());
  std::cout << times.size() << " stops took " << times[times.size() / 2].count() << " ms, at most "
            << times.back().count() << " ms, while " << served << " requests were answered\n";
}

}  // namespace
}  // namespace ptyd::test
