// SPDX-License-Identifier: LGPL-2.1-or-later
// The daemon is killed at one system call after the other while it records what its sessions do.
// Whatever the call: files are whole, what was acknowledged is known, and what runs goes on.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <iostream>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/tracer.hpp"

namespace ptyd::test {
namespace {

namespace fs = std::filesystem;

// More kills than any run has calls, so that a test that does not end is noticed.
constexpr int kMaxKills = 60;

struct Acknowledged {
  std::string lives, ended;  // ids; empty when that was not acknowledged
  bool recorded = false;     // all of it, by a daemon that lives
};

// Creates one that stays and one that ends; returns what was acknowledged before the daemon was
// killed.
Acknowledged create_both(const Daemon& daemon) {
  Acknowledged acknowledged;
  try {
    auto client = daemon.connect();
    const auto note = "echo started >> " + daemon.folder() / "ran";
    const auto lives = client.request(
        "create", {{"name", "lives"}, {"command", {"sh", "-c", note + "; exec sleep 1000"}}});
    if (lives.result.is_object()) acknowledged.lives = lives.result.value("id", "");
    const auto ended =
        client.request("create", {{"name", "ended"}, {"command", {"sh", "-c", "exit 7"}}});
    if (!ended.result.is_object()) return acknowledged;
    acknowledged.ended = ended.result.value("id", "");
    client.request("wait", {{"session", "ended"}});
    acknowledged.recorded =
        eventually([&] {
          return !client.request("list").answered ||
                 record(daemon, acknowledged.ended).value("state", "") == "stopped";
        }) &&
        client.request("list").answered;
  } catch (const std::exception&) {
    // Killed before it could greet.
  }
  return acknowledged;
}

void expect_whole_files(const Daemon& daemon) {
  for (const auto& file : fs::directory_iterator(daemon.state_dir() + "/sessions")) {
    EXPECT_NE(file.path().extension(), ".corrupt") << file.path();
    if (file.path().extension() != ".json") continue;
    const auto json = Json::parse(read_file(file.path()), nullptr, false);
    EXPECT_TRUE(json.is_object()) << file.path() << " is torn:\n" << read_file(file.path());
  }
}

// The next daemon knows all that was acknowledged, as it is.
void expect_all_known(Daemon& daemon, const Acknowledged& acknowledged) {
  daemon.start();
  auto client = daemon.connect();
  const auto state = [&](const std::string& id) {
    const auto answer = client.request("status", {{"session", id}});
    return answer.result.is_object() ? answer.result : Json{{"state", answer.code()}};
  };
  EXPECT_TRUE(acknowledged.lives.empty() || eventually([&] {
                const auto now = state(acknowledged.lives);
                return now.value("state", "") == "active" && now.value("hostPid", 0) != 0;
              }))
      << state(acknowledged.lives);
  EXPECT_TRUE(acknowledged.ended.empty() || eventually([&] {
                const auto now = state(acknowledged.ended);
                return now.value("state", "") == "stopped" && now.value("exitStatus", -1) == 7;
              }))
      << state(acknowledged.ended);
  EXPECT_LE(read_file(daemon.folder() / "ran").size(), std::string("started\n").size())
      << "started twice";
  for (const auto& file : fs::directory_iterator(daemon.state_dir() + "/sessions"))
    EXPECT_NE(file.path().extension(), ".tmp") << file.path() << " is left";
}

// Not to be asked to finish: killed with a child that it has just made, the daemon stays with
// strace until that is gone, too.
std::unique_ptr<Tracer> kill_at(Daemon& daemon, const std::string& calls, int number) {
  return std::make_unique<Tracer>(daemon.pid(),
                                  Injection{calls, "signal=KILL", std::to_string(number)});
}

// Whether the daemon was killed at this call.
bool survives_kill_in_use(const std::string& calls, int number) {
  Daemon daemon;
  auto tracer = kill_at(daemon, calls, number);
  const auto acknowledged = create_both(daemon);
  tracer.reset();
  const bool killed = !acknowledged.recorded;
  daemon.kill9();  // where it was a child of it, about to become a session host, that was killed
  expect_whole_files(daemon);
  expect_all_known(daemon, acknowledged);
  return killed;
}

bool survives_kill_in_stop(const std::string& calls, int number) {
  Daemon daemon(DaemonOptions{.traced = true});
  const auto acknowledged = create_both(daemon);
  auto tracer = kill_at(daemon, calls, number);
  EXPECT_TRUE(daemon.signal(SIGTERM));
  const auto ended = daemon.wait_exit();
  const bool killed = ended && ended->kind == EndKind::kSignaled;
  tracer.reset();
  expect_whole_files(daemon);
  daemon.start();
  auto client = daemon.connect();
  // Its command was told to end, and has, and its host comes back to say so; or it was not yet.
  EXPECT_TRUE(eventually([&] {
    const auto now = client.request("status", {{"session", acknowledged.lives}}).result;
    if (!now.is_object()) return false;
    const auto state = now.value("state", "");
    return state == "stopped" ? now["endedBy"] == "SIGTERM"
                              : state == "active" && now.value("hostPid", 0) != 0;
  })) << client.request("status", {{"session", acknowledged.lives}}).result;
  EXPECT_EQ(
      client.request("status", {{"session", acknowledged.ended}}).result.value("exitStatus", -1),
      7);
  return killed;
}

void kill_at_each(bool (*survives)(const std::string&, int), const std::string& calls) {
  int number = 1;
  while (survives(calls, number) && !testing::Test::HasFailure() && number < kMaxKills) ++number;
  EXPECT_LT(number, kMaxKills);
  std::cout << "killed at " << number - 1 << " calls of " << calls << "\n";
}

// `write` and `close` are those of every thread: of records, and of much else.
class StoreCrashTest : public testing::TestWithParam<const char*> {};
TEST_P(StoreCrashTest, InUse) { kill_at_each(survives_kill_in_use, GetParam()); }
TEST_P(StoreCrashTest, InAStop) { kill_at_each(survives_kill_in_stop, GetParam()); }
INSTANTIATE_TEST_SUITE_P(At, StoreCrashTest,
                         testing::Values("openat", "write", "fsync", "close", "rename", "unlink"),
                         [](const auto& calls) { return std::string(calls.param); });

}  // namespace
}  // namespace ptyd::test
