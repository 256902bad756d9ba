// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

constexpr ExitResult kSuccess{EndKind::kExited, 0};

TEST(Start, ReadyMeansThatItServes) {
  Daemon daemon(DaemonOptions{.started = false});
  daemon.begin_start();
  ASSERT_TRUE(daemon.notify().wait_for("READY=1"));
  EXPECT_TRUE(daemon.notify().has("STATUS=0 sessions, 0 clients attached"));
  auto client = daemon.connect();
  const auto health = client.request("health").result;
  EXPECT_EQ(health.value("state", ""), "running");
  EXPECT_EQ(health.value("pid", 0), daemon.pid());
  EXPECT_EQ(health.value("socket", ""), daemon.socket());
  EXPECT_EQ(health.value("store", ""), "ok");
}

TEST(Start, StatusTellsHowManySessionsThereAre) {
  Daemon daemon;
  auto client = daemon.connect();
  create_shell(client, "shell");
  EXPECT_TRUE(daemon.notify().wait_for("STATUS=1 session, 0 clients attached"));
  auto viewer = daemon.connect();
  ASSERT_TRUE(viewer.attach("shell"));
  EXPECT_TRUE(daemon.notify().wait_for("STATUS=1 session, 1 client attached"));
}

TEST(Start, ABadConfigurationIsNamedWithItsLine) {
  Daemon daemon(DaemonOptions{.config = "drain:\n  grase: 5s\n", .started = false});
  daemon.begin_start();
  EXPECT_EQ(daemon.wait_exit(), (ExitResult{EndKind::kExited, 78}));
  EXPECT_EQ(daemon.log().text(),
            "ptyd: " + daemon.config_path() + ":2: unknown key 'drain.grase'\n");
  EXPECT_FALSE(daemon.notify().has("READY=1"));
}

TEST(Start, ABadVariableIsNamed) {
  Daemon daemon(DaemonOptions{.environment = {{"PTYD_STORE_INTERVAL", "often"}}, .started = false});
  daemon.begin_start();
  EXPECT_EQ(daemon.wait_exit(), (ExitResult{EndKind::kExited, 78}));
  EXPECT_TRUE(daemon.wait_for_log("\\$PTYD_STORE_INTERVAL: expected a time"));
}

TEST(Start, AConfigurationThatWasNamedMustExist) {
  Daemon daemon(DaemonOptions{.started = false});
  std::filesystem::remove(daemon.config_path());
  daemon.begin_start();
  EXPECT_EQ(daemon.wait_exit(), (ExitResult{EndKind::kExited, 78}));
}

TEST(Start, ASecondDaemonSaysWhoRuns) {
  Daemon daemon;
  const auto second = run(
      {PTYD_PROGRAM, "--socket", daemon.folder() / "other.sock", "--runtime-dir",
       daemon.runtime_dir(), "--state-dir", daemon.state_dir(), "--config", daemon.config_path()},
      {.environment = {{"PTYD_SESSION_PROGRAM", PTYD_SESSION_PROGRAM}}});
  EXPECT_EQ(second.status, 1);
  const auto pid = std::to_string(daemon.pid());
  EXPECT_NE(second.err.find("ptyd is already running: pid " + pid), std::string::npos) << second;
  EXPECT_NE(second.err.find("`kill " + pid + "` stops it"), std::string::npos) << second;
  auto client = daemon.connect();
  EXPECT_TRUE(client.request("health").answered) << "the first one is unharmed";
}

TEST(Start, AfterACrashNothingIsInTheWay) {
  Daemon daemon;
  daemon.kill9();
  EXPECT_EQ(::access(daemon.socket().c_str(), F_OK), 0);
  daemon.start();
  auto client = daemon.connect();
  EXPECT_TRUE(client.request("health").answered);
}

// A shell passes descriptor 3 and sets the variables as the service manager does.
Arguments with_passed_fd(const Daemon& daemon, const std::string& redirection, int count = 1) {
  return {"bash",
          "-c",
          "exec " + redirection + "; export LISTEN_PID=$$ LISTEN_FDS=" + std::to_string(count) +
              "; exec \"$@\"",
          "bash",
          PTYD_PROGRAM,
          "--socket",
          daemon.socket(),
          "--runtime-dir",
          daemon.runtime_dir(),
          "--state-dir",
          daemon.state_dir(),
          "--config",
          daemon.config_path()};
}

TEST(Start, WhatIsPassedMustBeAListeningUnixStreamSocket) {
  const Daemon daemon(DaemonOptions{.started = false});
  const ProcessOptions options{.environment = {{"PTYD_SESSION_PROGRAM", PTYD_SESSION_PROGRAM}}};
  const auto file = run(with_passed_fd(daemon, "3</dev/null"), options);
  EXPECT_EQ(file.status, 1);
  EXPECT_NE(file.err.find("passed by $LISTEN_FDS is no listening Unix stream socket"),
            std::string::npos)
      << file;
  const auto two = run(with_passed_fd(daemon, "3</dev/null 4</dev/null", 2), options);
  EXPECT_EQ(two.status, 1);
  EXPECT_NE(two.err.find("passed 2 sockets"), std::string::npos) << two;
}

// systemd-socket-activate(1) does what a socket unit does: the first connection starts the daemon.
Arguments activated(const Daemon& folders) {
  return {"systemd-socket-activate",
          "-l",
          folders.socket(),
          "-E",
          std::string("PTYD_SESSION_PROGRAM=") + PTYD_SESSION_PROGRAM,
          "-E",
          "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent",
          "-E",
          "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent",
          PTYD_PROGRAM,
          "--socket",
          folders.socket(),
          "--runtime-dir",
          folders.runtime_dir(),
          "--state-dir",
          folders.state_dir(),
          "--config",
          folders.config_path()};
}

// It serves that, and the socket's file outlives the daemon.
TEST(Start, ServesThePassedSocketAndLeavesItBehind) {
  Daemon folders(DaemonOptions{.started = false});
  Process activator(activated(folders));
  ASSERT_TRUE(activator.err().wait_for("Listening on"));
  auto client = folders.connect();
  EXPECT_EQ(client.request("health").result.value("socket", ""), folders.socket());
  EXPECT_TRUE(activator.err().wait_for("(passed by the service manager)"));
  create_shell(client, "shell");
  activator.signal(SIGTERM);
  EXPECT_EQ(activator.wait_exit(), kSuccess);
  EXPECT_EQ(::access(folders.socket().c_str(), F_OK), 0);
}

void expect_turned_away(const Daemon& folders, const Arguments& activator_arguments, int status) {
  Process activator(activator_arguments);
  ASSERT_TRUE(activator.err().wait_for("Listening on"));
  const auto listed = folders.ptyctl({"list"});
  EXPECT_EQ(listed.status, 1);
  EXPECT_NE(listed.err.find("ptyd cannot start; its log says why"), std::string::npos) << listed;
  EXPECT_EQ(activator.wait_exit(), (ExitResult{EndKind::kExited, status}));
}

// A daemon that could not start left who had started it waiting, and systemd started it again for
// them at once, over and over.
TEST(Start, ADaemonThatCannotStartTurnsAwayWhoWaits) {
  Daemon folders(DaemonOptions{.config = "drain: {grance: 1s}\n", .started = false});
  expect_turned_away(folders, activated(folders), 78);
}
// The same where the start fails later: another daemon has the lock.
TEST(Start, ASecondDaemonTurnsAwayWhoWaits) {
  Daemon first;
  Daemon folders(DaemonOptions{.started = false});
  auto arguments = activated(folders);
  std::replace(arguments.begin(), arguments.end(), folders.runtime_dir(), first.runtime_dir());
  expect_turned_away(folders, arguments, 1);
}

TEST(Start, ReloadTakesANewConfigurationOrKeepsTheOld) {
  Daemon daemon(DaemonOptions{.config = "limits: {sessions: 1}\n"});
  auto client = daemon.connect();
  create_shell(client, "first");
  EXPECT_EQ(client.request("create", {{"command", {"true"}}}).code(), "limit");

  daemon.notify().clear();
  write_file(daemon.config_path(), "limits: {sessions: none}\n");
  ASSERT_TRUE(daemon.signal(SIGHUP));
  ASSERT_TRUE(daemon.notify().wait_for("RELOADING=1"));
  ASSERT_TRUE(daemon.notify().wait_for("READY=1"));
  EXPECT_TRUE(daemon.wait_for_log("error: .*ptyd.yaml:1: limits.sessions: expected a number"));
  EXPECT_TRUE(daemon.wait_for_log("keeping the old one"));
  EXPECT_EQ(client.request("create", {{"command", {"true"}}}).code(), "limit");

  daemon.notify().clear();
  write_file(daemon.config_path(), "limits: {sessions: 2}\n");
  ASSERT_TRUE(daemon.signal(SIGHUP));
  ASSERT_TRUE(daemon.notify().wait_for("READY=1"));
  EXPECT_TRUE(client.request("create", {{"command", {"sleep", "1000"}}}).result.is_object());
  EXPECT_EQ(client.request("status", {{"session", "first"}}).result.value("state", ""), "active");
}

TEST(Start, FeedsTheWatchdog) {
  Daemon daemon(DaemonOptions{.environment = {{"WATCHDOG_USEC", "200000"}}});
  EXPECT_TRUE(daemon.notify().wait_for("WATCHDOG=1"));
  daemon.notify().clear();
  EXPECT_TRUE(daemon.notify().wait_for("WATCHDOG=1"));
  // One that hangs starves it.
  ASSERT_TRUE(daemon.signal(SIGSTOP));
  daemon.notify().clear();
  EXPECT_FALSE(daemon.notify().wait_for("WATCHDOG=1", std::chrono::milliseconds(500)));
  ASSERT_TRUE(daemon.signal(SIGCONT));
  EXPECT_TRUE(daemon.notify().wait_for("WATCHDOG=1"));
}

TEST(Start, ChecksAConfigurationWithoutStarting) {
  const TempDir folder;
  write_file(folder / "good.yaml", "drain: {grace: 1s}\n");
  write_file(folder / "bad.yaml", "drain: {grace: soon}\n");
  EXPECT_EQ(run({PTYD_PROGRAM, "--check-config", "--config", folder / "good.yaml"}).status, 0);
  EXPECT_EQ(run({PTYD_PROGRAM, "--check-config", "--config", folder / "bad.yaml"}).status, 78);
  EXPECT_EQ(run({PTYD_PROGRAM, "--nonsense"}).status, 2);
}

TEST(Start, AFolderOthersMayWriteToIsRefused) {
  Daemon daemon(DaemonOptions{.started = false});
  ASSERT_EQ(::chmod(daemon.state_dir().c_str(), 0777), 0);
  daemon.begin_start();
  EXPECT_EQ(daemon.wait_exit(), (ExitResult{EndKind::kExited, 1}));
  EXPECT_TRUE(daemon.wait_for_log("will not use .*/state: others may write there"));
}

}  // namespace
}  // namespace ptyd::test
