// SPDX-License-Identifier: LGPL-2.1-or-later
// The daemon is killed at one system call after the other while it queues requests and while it
// starts what is queued. What was acknowledged must run exactly once, whatever the call.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <set>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/faulty_calls.hpp"
#include "tests/support/lines.hpp"
#include "tests/support/tracer.hpp"

namespace ptyd::test {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kNames{"a", "b", "c"};
// More kills than any run has calls, so that a test that does not end is noticed.
constexpr int kMaxKills = 200;

struct Call {
  std::string name;
  // In every thread and process, for calls that session hosts do not make; else in the loop alone.
  bool everywhere = false;
  // With files below the state folder, in any thread of the daemon.
  bool on_state = false;
};

// Runs ptyd, which is killed as it enters the Nth such call, of each thread by itself.
Arguments killed_at(const Daemon& daemon, const Call& call, int number) {
  if (call.on_state) {
    const FaultyCalls calls(daemon, call.name, "kill", daemon.state_dir());
    calls.arm(number);
    return calls.runner();
  }
  Arguments runner{"strace", "-D", "-qq", "-o", daemon.folder() / "strace"};
  if (call.everywhere) runner.emplace_back("-f");
  runner.insert(runner.end(),
                {"-e", "trace=" + call.name, "-e",
                 "inject=" + call.name + ":signal=KILL:when=" + std::to_string(number)});
  return runner;
}

Json noting(const Daemon& daemon, const std::string& name) {
  return {{"name", name},
          {"command", {"sh", "-c", "echo " + name + " >> " + daemon.folder() / "ran"}},
          {"queue", true}};
}

std::vector<std::string> ran(const Daemon& daemon) {
  auto lines = lines_of(read_file(daemon.folder() / "ran"));
  std::sort(lines.begin(), lines.end());
  return lines;
}

bool is_over(const std::string& state) { return state == "completed" || state == "failed"; }

// As the files say, so that nothing is asked of the daemon, which would make it call more.
bool all_over_on_disk(const Daemon& daemon) {
  for (const auto& file : fs::directory_iterator(daemon.state_dir() + "/queue")) {
    if (file.path().extension() != ".json") continue;
    const auto entry = Json::parse(read_file(file.path()), nullptr, false);
    if (!entry.is_object() || !is_over(entry.value("state", ""))) return false;
  }
  return true;
}

bool all_quiet(ProtocolClient& client) {
  for (const auto& item : client.request("queue").items)
    if (!is_over(item.json["item"].value("state", ""))) return false;
  const auto sessions = client.request("list");
  return sessions.answered &&
         std::all_of(sessions.items.begin(), sessions.items.end(), [](const Message& item) {
           const auto state = item.json["item"].value("state", "");
           return state == "stopped" || state == "error";
         });
}

// Whether it was killed, and not just done with all there was to do.
bool killed_before(Daemon& daemon, const std::function<bool()>& done) {
  const Deadline deadline(kPatience);
  while (!daemon.wait_exit(std::chrono::milliseconds(5))) {
    if (done()) return false;
    if (deadline.passed()) {
      ADD_FAILURE() << "neither killed nor done:\n" << daemon.log().text();
      return false;
    }
  }
  return true;
}

void expect_quiet_restart(Daemon& daemon) {
  daemon.set_runner({});
  daemon.start();
  auto client = daemon.connect();
  EXPECT_TRUE(eventually([&] { return all_quiet(client); })) << daemon.log().text();
}

// False once the call was not made often enough for the daemon to be killed.
bool survives_kill_in_replay(const Call& call, int number) {
  Daemon daemon(DaemonOptions{.traced = true});
  {
    auto client = daemon.connect();
    EXPECT_TRUE(client.request("drain", {{"graceMs", 600'000}}).result.is_object());
    for (const auto& name : kNames)
      EXPECT_TRUE(client.request("create", noting(daemon, name)).result.is_object());
  }
  daemon.kill9();
  daemon.set_runner(killed_at(daemon, call, number));
  daemon.begin_start();
  const bool killed = killed_before(daemon, [&] { return all_over_on_disk(daemon); });
  if (!killed) daemon.kill9();
  expect_quiet_restart(daemon);
  EXPECT_EQ(ran(daemon), kNames) << "killed at " << call.name << " " << number << ":\n"
                                 << daemon.log().text();
  return killed;
}

// Asks for all; returns which of them were acknowledged.
std::set<std::string> ask_for_all(const Daemon& daemon) {
  std::set<std::string> acknowledged;
  try {
    auto client = daemon.connect();
    if (!client.request("drain", {{"graceMs", 600'000}}).result.is_object()) return acknowledged;
    for (const auto& name : kNames)
      if (client.request("create", noting(daemon, name)).result.is_object())
        acknowledged.insert(name);
  } catch (const std::exception&) {
    // Killed before it could greet.
  }
  return acknowledged;
}

bool survives_kill_in_enqueue(const Call& call, int number) {
  Daemon daemon(DaemonOptions{.started = false, .traced = true});
  daemon.set_runner(killed_at(daemon, call, number));
  daemon.begin_start();
  bool killed = killed_before(daemon, [&] { return daemon.notify().has("READY=1"); });
  std::set<std::string> acknowledged;
  if (!killed) {
    acknowledged = ask_for_all(daemon);
    killed = acknowledged.size() < kNames.size();
    daemon.kill9();
  }
  expect_quiet_restart(daemon);
  const auto lines = ran(daemon);
  const std::set<std::string> once(lines.begin(), lines.end());
  EXPECT_EQ(lines.size(), once.size())
      << "some ran twice, killed at " << call.name << " " << number;
  for (const auto& name : acknowledged)
    EXPECT_TRUE(once.contains(name))
        << name << " was acknowledged and did not run, killed at " << call.name << " " << number;
  return killed;
}

// Queues all of them while the daemon drains; the id of each.
std::map<std::string, std::string> queue_all(const Daemon& daemon) {
  std::map<std::string, std::string> ids;
  auto client = daemon.connect();
  EXPECT_TRUE(client.request("drain", {{"graceMs", 600'000}}).result.is_object());
  for (const auto& name : kNames) {
    const auto made = client.request("create", noting(daemon, name)).result;
    EXPECT_TRUE(made.is_object());
    ids[name] = made.is_object() ? made.value("id", "") : "";
  }
  return ids;
}

Tracer killer(Daemon& daemon, const Call& call, int number) {
  return {daemon.pid(), {call.name, "signal=KILL", std::to_string(number)}};
}

// Withdraws all but the last. What was withdrawn must not run.
bool survives_kill_in_withdrawal(const Call& call, int number) {
  Daemon daemon(DaemonOptions{.traced = true});
  auto ids = queue_all(daemon);
  std::set<std::string> may_run(kNames.begin(), kNames.end());
  bool killed = false;
  {
    auto client = daemon.connect();
    const auto tracer = killer(daemon, call, number);
    for (auto name = kNames.begin(); name != kNames.end() - 1 && !killed; ++name) {
      const auto answer = client.request("queue.remove", {{"id", ids[*name]}});
      killed = !answer.answered;
      if (answer.result.is_object()) may_run.erase(*name);
    }
  }
  daemon.kill9();
  expect_quiet_restart(daemon);
  const auto lines = ran(daemon);
  const std::set<std::string> once(lines.begin(), lines.end());
  EXPECT_EQ(lines.size(), once.size()) << "some ran twice";
  EXPECT_TRUE(std::includes(may_run.begin(), may_run.end(), once.begin(), once.end()))
      << "one that was withdrawn ran, killed at " << call.name << " " << number;
  EXPECT_TRUE(once.contains(kNames.back())) << "killed at " << call.name << " " << number;
  return killed;
}

bool survives_kill_in_stop(const Call& call, int number) {
  Daemon daemon(DaemonOptions{.traced = true});
  queue_all(daemon);
  auto tracer = std::make_unique<Tracer>(killer(daemon, call, number));
  EXPECT_TRUE(daemon.signal(SIGTERM));
  const auto ended = daemon.wait_exit();
  tracer.reset();
  expect_quiet_restart(daemon);
  EXPECT_EQ(ran(daemon), kNames) << "killed at " << call.name << " " << number;
  return ended && ended->kind == EndKind::kSignaled;
}

void kill_at_each(bool (*survives)(const Call&, int), const Call& call) {
  int number = 1;
  while (survives(call, number) && !testing::Test::HasFailure() && number < kMaxKills) ++number;
  EXPECT_LT(number, kMaxKills);
  std::cout << "killed at " << number - 1 << " calls of " << call.name << "\n";
}

TEST(QueueCrash, ReplayAtEachFsync) { kill_at_each(survives_kill_in_replay, {"fsync", true}); }
TEST(QueueCrash, ReplayAtEachRename) { kill_at_each(survives_kill_in_replay, {"rename", true}); }
TEST(QueueCrash, ReplayAtEachMessageOfTheLoop) {
  kill_at_each(survives_kill_in_replay, {"sendmsg", false});
}
TEST(QueueCrash, ReplayAtEachStartOfAHost) {
  kill_at_each(survives_kill_in_replay, {"clone,clone3,vfork", false});
}
TEST(QueueCrash, ReplayAtEachWriteOfState) {
  kill_at_each(survives_kill_in_replay, {"write", false, true});
}
TEST(QueueCrash, EnqueueAtEachFsync) { kill_at_each(survives_kill_in_enqueue, {"fsync", true}); }
TEST(QueueCrash, EnqueueAtEachRename) { kill_at_each(survives_kill_in_enqueue, {"rename", true}); }
TEST(QueueCrash, EnqueueAtEachMessageOfTheLoop) {
  kill_at_each(survives_kill_in_enqueue, {"sendmsg", false});
}
TEST(QueueCrash, EnqueueAtEachWrite) { kill_at_each(survives_kill_in_enqueue, {"write", true}); }
TEST(QueueCrash, WithdrawalAtEachUnlink) { kill_at_each(survives_kill_in_withdrawal, {"unlink"}); }
TEST(QueueCrash, WithdrawalAtEachFsync) { kill_at_each(survives_kill_in_withdrawal, {"fsync"}); }
TEST(QueueCrash, WithdrawalAtEachMessageOfTheLoop) {
  kill_at_each(survives_kill_in_withdrawal, {"sendmsg"});
}
TEST(QueueCrash, StopAtEachFsync) { kill_at_each(survives_kill_in_stop, {"fsync"}); }
TEST(QueueCrash, StopAtEachClose) { kill_at_each(survives_kill_in_stop, {"close"}); }
TEST(QueueCrash, StopAtEachUnlink) { kill_at_each(survives_kill_in_stop, {"unlink"}); }

}  // namespace
}  // namespace ptyd::test
