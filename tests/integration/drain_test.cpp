// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

constexpr ExitResult kSuccess{EndKind::kExited, 0};

TEST(Drain, RefusesNewSessionsAndLetsTheOthersFinish) {
  Daemon daemon;
  auto client = daemon.connect();
  auto monitor = daemon.connect();
  ASSERT_TRUE(monitor.request("monitor").answered);
  create_shell(client, "shell");
  const auto begun = client.request("drain").result;
  EXPECT_EQ(begun, (Json{{"state", "draining"}, {"sessions", 1}}));
  const auto refused = client.request("create", {{"command", {"true"}}});
  EXPECT_EQ(refused.code(), "draining");
  EXPECT_EQ(client.request("health").result.value("state", ""), "draining");
  EXPECT_EQ(client.request("health").result.value("status", ""), "ok");
  auto viewer = daemon.connect();
  ASSERT_TRUE(viewer.attach("shell")) << "attaching goes on in a drain";
  ASSERT_TRUE(viewer.input("exit 0\n"));
  EXPECT_TRUE(viewer.wait_ended());
  ASSERT_TRUE(daemon.wait_for_log("Drained; all sessions have ended by themselves"));
  EXPECT_TRUE(monitor.next_event("drain.progress"));
  EXPECT_EQ(client.request("cancel-drain").result, (Json{{"state", "running"}}));
  EXPECT_TRUE(client.request("create", {{"command", {"true"}}}).result.is_object());
  EXPECT_EQ(client.request("cancel-drain").code(), "bad-request");
}

TEST(Drain, WithExitLeavesWithSuccessWhenAllFinished) {
  Daemon daemon;
  auto client = daemon.connect();
  create_shell(client, "shell");
  ASSERT_TRUE(client.request("drain", {{"exit", true}}).answered);
  ASSERT_TRUE(client.request("send", {{"session", "shell"}}, "exit\n").answered);
  EXPECT_EQ(daemon.wait_exit(), kSuccess);
}

TEST(Drain, WithExitAndNothingToDoLeavesAtOnce) {
  Daemon daemon;
  auto client = daemon.connect();
  EXPECT_EQ(client.request("drain", {{"exit", true}}).result.value("sessions", -1), 0);
  EXPECT_EQ(daemon.wait_exit(), kSuccess);
}

TEST(Drain, AfterTwiceTheGraceTheRestIsEndedAndNamed) {
  Daemon daemon;
  auto client = daemon.connect();
  create(client, "endless", {"sleep", "1000"});
  ASSERT_TRUE(client.request("drain", {{"exit", true}, {"graceMs", 300}}).answered);
  EXPECT_EQ(daemon.wait_exit(), (ExitResult{EndKind::kExited, 1}));
  EXPECT_TRUE(daemon.wait_for_log("Drain: 1 session left after the grace time; extending it once"));
  EXPECT_TRUE(daemon.wait_for_log(
      "Drain: abandoning session endless of [^ ]+ \\(sleep 1000, 0 clients attached, idle for"));
}

// A restart that could not be followed by a start had ended the session all the same.
TEST(Drain, ARefusedRestartEndsNothing) {
  Daemon daemon;
  auto client = daemon.connect();
  const auto before = create(client, "job", {"sleep", "1000"});
  ASSERT_TRUE(client.request("drain").answered);
  EXPECT_EQ(client.request("restart", {{"session", "job"}}).code(), "draining");
  const auto after = client.request("status", {{"session", "job"}}).result;
  EXPECT_EQ(after.value("state", ""), "active");
  EXPECT_EQ(after.value("pid", 0), before.value("pid", 1));
}

TEST(Drain, WithoutExitItEndsTheRestAndStays) {
  Daemon daemon;
  auto client = daemon.connect();
  const auto session = create(client, "endless", {"sleep", "1000"});
  ASSERT_TRUE(client.request("drain", {{"graceMs", 200}}).answered);
  ASSERT_TRUE(daemon.wait_for_log("Drained; some sessions had to be ended"));
  const auto ended = client.request("status", {{"session", session.value("id", "")}}).result;
  EXPECT_EQ(ended.value("endedBy", ""), "SIGTERM") << ended;
  EXPECT_EQ(client.request("health").result.value("state", ""), "draining");
  EXPECT_TRUE(daemon.notify().wait_for("STATUS=Drained, no new sessions"));
  EXPECT_EQ(client.request("cancel-drain").result, (Json{{"state", "running"}}));
  EXPECT_TRUE(client.request("create", {{"command", {"true"}}}).result.is_object());
}

TEST(Drain, SaysHowItGoes) {
  Daemon daemon;
  auto client = daemon.connect();
  auto monitor = daemon.connect();
  ASSERT_TRUE(monitor.request("monitor").answered);
  create(client, "one", {"sh", "-c", "read line"});
  create(client, "two", {"sleep", "1000"});
  ASSERT_TRUE(client.request("drain", {{"graceMs", 600'000}}).answered);
  EXPECT_TRUE(daemon.notify().wait_for("STATUS=Draining, 2 sessions left, 9min 59s of grace"));
  ASSERT_TRUE(client.request("send", {{"session", "one"}}, "\n").answered);
  EXPECT_TRUE(daemon.notify().wait_for("STATUS=Draining, 1 session left, 9min 5"));
  // At every change, and without one every few seconds.
  Json last = Json::object();
  int unchanged = 0;
  while (unchanged < 2) {
    const auto event = monitor.next_event("drain.progress");
    ASSERT_TRUE(event);
    EXPECT_EQ(event->value("total", 0), 2);
    unchanged += last.value("sessions", -1) == event->value("sessions", 0) ? 1 : 0;
    EXPECT_LE(event->value("remainingMs", 0), last.value("remainingMs", 600'000));
    last = *event;
  }
  EXPECT_EQ(last.value("sessions", 0), 1);
}

// ---- sessions that are not waited for ----

TEST(Drain, EndsThoseAtOnceThatNeedNotBeWaitedFor) {
  Daemon daemon;
  auto client = daemon.connect();
  const auto shell = create_shell(client, "shell", {{"onDrain", "terminate"}});
  EXPECT_EQ(shell.value("onDrain", ""), "terminate");
  const auto build = create(client, "build", {"sh", "-c", "read line; exit 7"});
  EXPECT_EQ(build.value("onDrain", ""), "wait");
  ASSERT_TRUE(client.request("drain", {{"exit", true}}).answered);
  const auto ended = client.request("wait", {{"session", "shell"}}).result;
  EXPECT_EQ(ended.value("state", ""), "stopped") << ended;
  EXPECT_EQ(client.request("status", {{"session", "build"}}).result.value("state", ""), "active");
  ASSERT_TRUE(client.request("send", {{"session", "build"}}, "\n").answered);
  // It was not abandoned, so this is a success.
  EXPECT_EQ(daemon.wait_exit(), kSuccess);
  EXPECT_EQ(record(daemon, build.value("id", "")).value("exitStatus", -1), 7);
  EXPECT_EQ(daemon.log().text().find("abandoning"), std::string::npos);
}

// The next daemon knows it, from the record or, without one, from the host.
TEST(Drain, WhatItDoesToASessionOutlivesTheDaemon) {
  Daemon daemon;
  {
    auto client = daemon.connect();
    create(client, "recorded", {"sleep", "1000"}, {{"onDrain", "terminate"}});
    const auto forgotten =
        create(client, "forgotten", {"sleep", "1000"}, {{"onDrain", "terminate"}});
    daemon.kill9();
    const auto file = daemon.state_dir() + "/sessions/" + forgotten.value("id", "") + ".json";
    ASSERT_TRUE(std::filesystem::remove(file));
  }
  daemon.start();
  auto client = daemon.connect();
  for (const char* name : {"recorded", "forgotten"})
    ASSERT_TRUE(eventually([&] {
      const auto status = client.request("status", {{"session", name}}).result;
      return status.is_object() && status.value("hostPid", 0) != 0 &&
             status.value("onDrain", "") == "terminate";
    })) << name;
  ASSERT_TRUE(client.request("drain", {{"exit", true}}).answered);
  EXPECT_EQ(daemon.wait_exit(), kSuccess);
}

TEST(Drain, TheConfigurationSaysWhatItDoesToOthers) {
  Daemon daemon(DaemonOptions{.config = "sessions: {on_drain: terminate}\n"});
  auto client = daemon.connect();
  EXPECT_EQ(create(client, "shell", {"sleep", "1000"}).value("onDrain", ""), "terminate");
  EXPECT_EQ(create(client, "build", {"sleep", "1000"}, {{"onDrain", "wait"}}).value("onDrain", ""),
            "wait");
  const auto refused = client.request("create", {{"command", {"true"}}, {"onDrain", "never"}});
  EXPECT_EQ(refused.code(), "bad-request");
  EXPECT_EQ(refused.error.value("message", ""), "onDrain must be wait or terminate, not 'never'");
  const auto made = daemon.ptyctl({"new", "third", "-d", "--on-drain=wait", "--", "sleep", "1000"});
  EXPECT_EQ(made.status, 0) << made;
  EXPECT_EQ(daemon.json({"status", "third"}).value("onDrain", ""), "wait");
  EXPECT_EQ(daemon.ptyctl({"new", "-d", "--on-drain=maybe"}).status, 2);
}

}  // namespace
}  // namespace ptyd::test
