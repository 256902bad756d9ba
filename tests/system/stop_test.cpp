// SPDX-License-Identifier: LGPL-2.1-or-later
// stop is not restart; and what systemd's timeouts, a reload and a shutdown of the machine do.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/sessions.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/system/daemon.hpp"

namespace ptyd::test {
namespace {

using std::chrono::milliseconds;

// Ends only after so many seconds, and then by itself.
std::vector<std::string> slow_to_end(int seconds) {
  return {"bash", "-c",
          "trap 'echo asked; sleep " + std::to_string(seconds) +
              "; exit 3' TERM; echo armed; while :; do sleep 1000 & wait $!; done"};
}

std::size_t position_in(const std::string& log, const std::string& text) {
  const auto at = log.find(text);
  EXPECT_NE(at, std::string::npos) << "no '" << text << "' in:\n" << log;
  return at;
}

Json record_of(const std::string& id) {
  return Json::parse(read_file("/var/lib/ptyd/sessions/" + id + ".json"), nullptr, false);
}

std::string session_units() {
  return run({"systemctl", "list-units", "--plain", "--no-legend", "ptyd-session-*"}).out;
}

TEST(Stop, StopEndsAllSessionsInOrder) {
  start_socket();
  auto alice = client_of("alice");
  auto bob = client_of("bob");
  const auto shell = create_shell(alice, "shell");
  const auto stubborn = create(bob, "stubborn", stubborn_command());
  ASSERT_TRUE(wait_printed(bob, "stubborn", "armed"));
  auto viewer = client_of("alice");
  ASSERT_TRUE(viewer.attach("shell"));
  const auto begun = std::chrono::steady_clock::now();
  const auto stopped = systemctl({"stop", "ptyd.service", "ptyd.socket"});
  EXPECT_EQ(stopped.status, 0) << stopped;
  EXPECT_LE(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
  EXPECT_EQ(unit_property("ptyd.service", "ActiveState"), "inactive");
  EXPECT_EQ(unit_property("ptyd.service", "Result"), "success");
  EXPECT_EQ(session_units(), "");
  EXPECT_EQ(run({"pgrep", "-u", "alice,bob"}).out, "");
  EXPECT_TRUE(viewer.wait_ended());
  EXPECT_TRUE(viewer.next_event("server.shutdown"));
  EXPECT_EQ(record_of(shell.value("id", "")).value("state", ""), "stopped");
  EXPECT_EQ(record_of(stubborn.value("id", "")).value("endedBy", ""), "SIGKILL");
  const auto log = journal("ptyd.service");
  const auto received = position_in(log, "Received SIGTERM, shutting down gracefully...");
  const auto refused = position_in(log, "Stopped accepting new connections");
  const auto told = position_in(log, "Broadcasting shutdown message to ");
  const auto asked = position_in(log, "Terminating PTY for session shell (SIGTERM)");
  const auto ended = position_in(log, "PTY for session shell exited gracefully");
  const auto killed = position_in(log, "PTY for session stubborn force-killed (SIGKILL)");
  const auto complete = position_in(log, "Graceful shutdown complete");
  EXPECT_TRUE(received < refused && refused < told && told < asked && asked < ended &&
              ended < killed && killed < complete)
      << log;
}

TEST(Stop, RestartsEndNothing) {
  start_socket();
  auto client = client_of("alice");
  const auto before = create_shell(client, "shell");
  auto viewer = client_of("alice");
  ASSERT_TRUE(viewer.attach("shell"));
  int number = 0;
  for (const char* verb : {"restart", "try-restart", "reload-or-restart", "condrestart"}) {
    const auto old = daemon_pid();
    const auto result = systemctl({verb, "ptyd.service"});
    ASSERT_EQ(result.status, 0) << result;
    EXPECT_EQ(daemon_pid() == old, std::string(verb) == "reload-or-restart") << verb;
    ASSERT_TRUE(shell_answers(viewer, "after-" + std::to_string(++number))) << verb;
    auto later = client_of("alice");
    EXPECT_EQ(later.request("status", {{"session", "shell"}}).result.value("pid", 0),
              before.value("pid", 1));
  }
  EXPECT_EQ(viewer.missed(), 0U);
  const auto log = journal("ptyd.service");
  EXPECT_EQ(log.find("Terminating PTY"), std::string::npos) << log;
  EXPECT_NE(log.find("Handed over 1 session in "), std::string::npos) << log;
  // SIGTERM by hand is a stop, and the next connection starts the next daemon.
  const auto last = daemon_pid();
  ASSERT_EQ(::kill(last, SIGTERM), 0);
  EXPECT_TRUE(viewer.wait_ended());
  ASSERT_TRUE(wait_for_property("ptyd.service", "ActiveState", "inactive"));
  EXPECT_EQ(run(as_user("alice", {kPtyctl, "list"})).status, 0);
}

// Requests that are under way when a restart begins are finished, and those who wait for a session
// may ask the next daemon.
TEST(Stop, ARestartFinishesWhatIsUnderWay) {
  start_socket();
  auto client = client_of("alice");
  create(client, "job", {"bash", "-c", "read; exit 4"});
  Process waiting(as_user("alice", {kPtyctl, "wait", "job"}));
  Process creating(as_user("alice", {kPtyctl, "new", "late", "-d", "--", "sleep", "1000"}));
  ASSERT_EQ(systemctl({"restart", "ptyd.service"}).status, 0);
  EXPECT_EQ(creating.wait_exit(), (ExitResult{EndKind::kExited, 0})) << creating.err().text();
  auto later = client_of("alice");
  EXPECT_EQ(later.request("status", {{"session", "late"}}).result.value("state", ""), "active");
  ASSERT_TRUE(later.request("send", {{"session", "job"}}, "\n").answered);
  EXPECT_EQ(waiting.wait_exit(), (ExitResult{EndKind::kExited, 4})) << waiting.err().text();
}

// A session that was being restarted when its daemon was, ended and never came again.
TEST(Stop, ARestartFinishesTheRestartOfASession) {
  start_socket();
  auto client = client_of("alice");
  const auto old = create(client, "job", slow_to_end(1));
  ASSERT_TRUE(wait_printed(client, "job", "armed"));
  Process restarting(as_user("alice", {kPtyctl, "restart", "job"}));
  ASSERT_TRUE(wait_printed(client, "job", "asked"));
  ASSERT_EQ(systemctl({"restart", "ptyd.service"}).status, 0);
  EXPECT_EQ(restarting.wait_exit(), (ExitResult{EndKind::kExited, 0})) << restarting.err().text();
  auto later = client_of("alice");
  const auto now = later.request("status", {{"session", "job"}}).result;
  EXPECT_EQ(now.value("state", ""), "active") << now;
  EXPECT_NE(now.value("id", ""), old.value("id", ""));
}

TEST(Stop, TimeIsExtendedWhileSessionsEnd) {
  write_drop_in("ptyd.service", "[Service]\nTimeoutStopSec=3\n");
  write_file("/etc/ptyd/ptyd.yaml", "sessions:\n  stop_timeout: 20s\n");
  start_socket();
  auto client = client_of("alice");
  const auto session = create(client, "slow", slow_to_end(8));
  ASSERT_TRUE(wait_printed(client, "slow", "armed"));
  const auto stopped = systemctl({"stop", "ptyd.service"});
  EXPECT_EQ(stopped.status, 0) << stopped;
  EXPECT_EQ(unit_property("ptyd.service", "Result"), "success");
  const auto record = record_of(session.value("id", ""));
  EXPECT_EQ(record.value("state", ""), "stopped");
  EXPECT_EQ(record.value("endedBy", ""), "exited");
  EXPECT_EQ(record.value("exitStatus", -1), 3);
}

TEST(Stop, ADaemonThatMakesNoProgressIsNotWaitedFor) {
  write_drop_in("ptyd.service", "[Service]\nTimeoutStopSec=3\nTimeoutAbortSec=3\n");
  start_socket();
  auto client = client_of("alice");
  const auto session = create_shell(client, "shell");
  // Stops being scheduled: systemd's SIGCONT wakes it, so it is stopped again and again.
  Process holding(
      {"bash", "-c",
       "while kill -STOP " + std::to_string(daemon_pid()) + " 2>/dev/null; do :; done"});
  const auto begun = std::chrono::steady_clock::now();
  systemctl({"stop", "ptyd.service", "ptyd.socket"});
  EXPECT_LE(std::chrono::steady_clock::now() - begun, std::chrono::seconds(15));
  EXPECT_EQ(unit_property("ptyd.service", "Result"), "timeout");
  // It ended nothing, so nothing has ended; its sessions are units that systemd can stop.
  EXPECT_EQ(unit_property(session_unit(session.value("id", "")), "ActiveState"), "active");
}

TEST(Stop, AReloadTakesTheNewConfigurationOrKeepsTheOld) {
  start_socket();
  auto client = client_of("alice");
  const auto before = create_shell(client, "shell");
  const auto daemon = daemon_pid();
  write_file("/etc/ptyd/ptyd.yaml", "limits:\n  sessions_per_user: 1\n");
  const auto reloaded = systemctl({"reload", "ptyd.service"});
  EXPECT_EQ(reloaded.status, 0) << reloaded;
  ASSERT_TRUE(wait_for_journal("ptyd.service", "The new configuration is in force"));
  EXPECT_EQ(client.request("create", {{"command", {"bash"}}}).code(), "limit");
  write_file("/etc/ptyd/ptyd.yaml", "limits:\n  sessions_per_user: none\n");
  EXPECT_NE(systemctl({"reload", "ptyd.service"}).status, 0);
  EXPECT_TRUE(
      wait_for_journal("ptyd.service", "ptyd.yaml:2: limits.sessions_per_user: expected a number"));
  EXPECT_EQ(unit_property("ptyd.service", "ActiveState"), "active");
  EXPECT_EQ(daemon_pid(), daemon);
  EXPECT_EQ(client.request("create", {{"command", {"bash"}}}).code(), "limit") << "the old one";
  const auto after = client.request("status", {{"session", "shell"}}).result;
  EXPECT_EQ(after.value("pid", 0), before.value("pid", 1));
  EXPECT_EQ(after.value("state", ""), "active");
}

// The machine is shut down: ptyd stops before the units of its sessions do, and ends them in order.
TEST(Stop, AShutdownLosesNothing) {
  start_socket();
  auto client = client_of("alice");
  create(client, "saver",
         {"bash", "-c",
          "trap 'sleep 1; echo saved > ~/saved; exit 0' TERM; echo armed;"
          "while :; do sleep 1000 & wait $!; done"});
  create_shell(client, "shell");
  ASSERT_TRUE(wait_printed(client, "saver", "armed"));
  end_machine_then("Stop.DISABLED_AfterTheShutdown");
}
TEST(Stop, DISABLED_AfterTheShutdown) {
  EXPECT_EQ(read_file("/home/alice/saved"), "saved\n");
  auto client = client_of("alice");
  const auto answer = client.request("list");
  ASSERT_EQ(answer.items.size(), 2U);
  for (const auto& message : answer.items) {
    const auto& session = message.json.at("item");
    EXPECT_EQ(session.value("state", ""), "stopped") << session;
    EXPECT_NE(session.value("endedBy", ""), "SIGKILL") << session;
  }
  const auto log = run({"journalctl", "--boot=-1", "--no-pager", "--quiet", "--output=cat",
                        "--unit=ptyd.service", "--unit=ptyd-session-*"})
                       .out;
  const auto received = position_in(log, "Received SIGTERM, shutting down gracefully...");
  const auto ended = position_in(log, "PTY for session saver exited gracefully");
  const auto complete = position_in(log, "Graceful shutdown complete");
  EXPECT_TRUE(received < ended && ended < complete) << log;
  EXPECT_EQ(log.find("is being ended by a stop of its unit"), std::string::npos) << log;
}

}  // namespace
}  // namespace ptyd::test
