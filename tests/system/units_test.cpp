// SPDX-License-Identifier: LGPL-2.1-or-later
// ptyd as a service, and sessions as units of their owners.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>

#include "tests/support/sessions.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/terminal.hpp"
#include "tests/system/daemon.hpp"

namespace ptyd::test {
namespace {

std::string cgroup_of(pid_t pid) {
  const auto text = read_file("/proc/" + std::to_string(pid) + "/cgroup");
  const auto unified = text.find("0::");
  return unified == std::string::npos
             ? ""
             : text.substr(unified + 3, text.find('\n', unified) - unified - 3);
}

// Processor time of its first thread until now; see proc(5), schedstat.
double cpu_ms(const std::string& pid) {
  return std::stod(read_file("/proc/" + pid + "/schedstat")) / 1e6;
}

TEST(Units, TheFirstConnectionStartsTheDaemon) {
  ASSERT_EQ(systemctl({"enable", "--now", "ptyd.socket"}).status, 0);
  EXPECT_EQ(unit_property("ptyd.socket", "ActiveState"), "active");
  EXPECT_EQ(unit_property("ptyd.service", "ActiveState"), "inactive");
  const auto listed = run(as_user("alice", {kPtyctl, "list"}));
  EXPECT_EQ(listed.status, 0) << listed;
  EXPECT_EQ(unit_property("ptyd.service", "ActiveState"), "active");
  EXPECT_EQ(unit_property("ptyd.service", "SubState"), "running");
  auto client = client_of("alice");
  create_shell(client, "shell");
  const auto status = systemctl({"status", "ptyd.service"});
  EXPECT_EQ(status.status, 0);
  EXPECT_NE(status.out.find("Status: \"1 session, 0 clients attached\""), std::string::npos)
      << status;
  EXPECT_NE(status.out.find("TriggeredBy"), std::string::npos) << status;
  EXPECT_NE(status.out.find("is ready on /run/ptyd/ptyd.sock (passed by the service manager)"),
            std::string::npos)
      << status;
}

TEST(Units, AStartWaitsUntilTheDaemonServes) {
  const auto started = systemctl({"start", "ptyd.service"});
  ASSERT_EQ(started.status, 0) << started;
  // With a job's end, not before it, everything is there: the name on the bus, too.
  const auto called = run({"busctl", "--no-pager", "--auto-start=no", "get-property", "org.ptyd1",
                           "/org/ptyd1", "org.ptyd1.Manager", "State"});
  EXPECT_EQ(called.out, "s \"running\"\n") << called;
}

TEST(Units, ABadConfigurationFailsTheStartWithItsReason) {
  write_file("/etc/ptyd/ptyd.yaml", "drain:\n  grance: 5min\n");
  ASSERT_EQ(systemctl({"start", "ptyd.socket"}).status, 0);
  const auto started = systemctl({"start", "ptyd.service"});
  EXPECT_NE(started.status, 0);
  EXPECT_EQ(unit_property("ptyd.service", "ExecMainStatus"), "78");
  EXPECT_TRUE(
      wait_for_journal("ptyd.service", "/etc/ptyd/ptyd.yaml:2: unknown key 'drain.grance'"));
  // Who connects is told, and neither waits nor makes systemd try for ever.
  const auto listed = run(as_user("alice", {kPtyctl, "list"}));
  EXPECT_EQ(listed.status, 1);
  EXPECT_NE(listed.err.find("ptyd cannot start; its log says why"), std::string::npos) << listed;
  EXPECT_EQ(unit_property("ptyd.socket", "ActiveState"), "active");
  write_file("/etc/ptyd/ptyd.yaml", "drain:\n  grace: 5min\n");
  ASSERT_TRUE(wait_for_property("ptyd.service", "ActiveState", "failed"));
  EXPECT_EQ(run(as_user("alice", {kPtyctl, "list"})).status, 0);
}

TEST(Units, ASessionIsAUnitOfItsOwner) {
  start_socket();
  auto client = client_of("alice");
  const auto session = create_shell(client, "shell");
  const auto unit = session_unit(session.value("id", ""));
  EXPECT_EQ(session.value("unit", ""), unit);
  EXPECT_EQ(unit_property(unit, "ActiveState"), "active");
  EXPECT_EQ(unit_property(unit, "Slice"), "ptyd.slice");
  EXPECT_EQ(unit_property(unit, "OOMPolicy"), "continue");
  EXPECT_EQ(unit_property(unit, "IgnoreOnIsolate"), "yes");
  EXPECT_EQ(unit_property(unit, "Description"), "Terminal session shell of alice");
  EXPECT_EQ(unit_property(unit, "MainPID"), std::to_string(session.value("hostPid", 0)));
  const auto cgroup = "/ptyd.slice/" + unit;
  EXPECT_EQ(unit_property(unit, "ControlGroup"), cgroup);
  EXPECT_EQ(cgroup_of(session.value("hostPid", 0)), cgroup);
  EXPECT_EQ(cgroup_of(session.value("pid", 0)), cgroup);
  const auto owner = run({"ps", "-o", "uid=,gid=", "-p", std::to_string(session.value("pid", 0))});
  EXPECT_EQ(owner.out, " 1000  1000\n");
  const auto status = systemctl({"status", unit});
  EXPECT_EQ(status.status, 0) << status;
  EXPECT_NE(status.out.find("bash --norc --noprofile -i"), std::string::npos) << status;
  EXPECT_FALSE(journal(unit).empty());
  // Nobody else's eyes: what the session was given stays out of the unit.
  EXPECT_EQ(systemctl({"show", unit}).out.find("PS1="), std::string::npos);
  EXPECT_EQ(systemctl({"cat", unit}).out.find("PS1="), std::string::npos);
}

TEST(Units, ASessionHasItsOwnersEnvironment) {
  start_socket();
  write_file("/etc/environment", "FROM_PAM=yes\n");
  write_file("/etc/security/limits.d/alice.conf", "alice hard nofile 777\nalice soft nofile 777\n");
  auto client = client_of("alice");
  const auto printed = [&](const std::string& script) {
    static int number = 0;
    const auto name = "print-" + std::to_string(++number);
    create(client, name, {"bash", "-c", script});
    client.request("wait", {{"session", name}});
    return captured(client, name);
  };
  EXPECT_EQ(printed("id -un; id -G; pwd; echo $HOME $USER $LOGNAME $SHELL"),
            "alice\r\n1000\r\n/home/alice\r\n/home/alice alice alice /bin/bash\r\n");
  EXPECT_EQ(printed("echo $FROM_PAM; ulimit -n"), "yes\r\n777\r\n");
  EXPECT_EQ(printed("echo \"[$XDG_RUNTIME_DIR][$NOTIFY_SOCKET][$SYSTEMD_EXEC_PID][$LISTEN_FDS]"
                    "[$INVOCATION_ID][$JOURNAL_STREAM]\""),
            "[][][][][][]\r\n");
  enable_linger("alice");
  EXPECT_EQ(printed("echo $XDG_RUNTIME_DIR"), "/run/user/1000\r\n");
  EXPECT_EQ(printed("systemctl --user is-system-running --wait"), "running\r\n");
}

// A person edits a file on a terminal while the daemon is restarted and killed.
// Prints what a session costs that systemd starts.
TEST(Units, ManyAreCreatedOneAfterTheOther) {
  constexpr int kSessions = 100;
  start_socket();
  auto client = client_of("alice");
  create_shell(client, "first");
  const auto daemon = unit_property("ptyd.service", "MainPID");
  const auto manager_before = cpu_ms("1");
  const auto daemon_before = cpu_ms(daemon);
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < kSessions; ++i) {
    const auto created = client.request(
        "create", {{"name", "many" + std::to_string(i)}, {"command", {"sleep", "1000"}}});
    ASSERT_EQ(created.result.value("state", ""), "active") << created.error;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  std::printf(
      "figure: %d sessions as units: %.0f a second; processor time of each: systemd %.2f ms, "
      "ptyd %.2f ms\n",
      kSessions, kSessions / took.count(), (cpu_ms("1") - manager_before) / kSessions,
      (cpu_ms(daemon) - daemon_before) / kSessions);
  EXPECT_EQ(client.request("list").items.size(), std::size_t{kSessions + 1});
}

TEST(Units, AnEditorOnATerminalNoticesNothing) {
  start_socket();
  Terminal terminal(as_user("alice", {kPtyctl, "new", "edit", "--", "vim.tiny", "note"}));
  ASSERT_TRUE(terminal.wait_for_text("~"));
  ASSERT_TRUE(terminal.type("ibefore"));
  ASSERT_TRUE(terminal.wait_for_text("before"));
  ASSERT_EQ(systemctl({"restart", "ptyd.service"}).status, 0);
  ASSERT_TRUE(terminal.type(" between"));
  ASSERT_TRUE(terminal.wait_for_text("before between"));
  const auto pid = daemon_pid();
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  ASSERT_TRUE(wait_daemon_other_than(pid));
  ASSERT_TRUE(terminal.type(" after\x1b:wq\r"));
  EXPECT_EQ(terminal.wait_exit(), (ExitResult{EndKind::kExited, 0})) << terminal.screen_text();
  EXPECT_EQ(read_file("/home/alice/note"), "before between after\n");
}

TEST(Units, AnExpiredAccountIsRefusedWithItsReason) {
  start_socket();
  ASSERT_EQ(run({"chage", "--expiredate", "1", "alice"}).status, 0);
  auto client = client_of("alice");
  const auto refused = client.request("create", {{"command", {"bash"}}, {"name", "shell"}});
  EXPECT_EQ(refused.code(), "denied") << refused.error;
  EXPECT_NE(refused.error.value("message", "").find("account alice has expired"), std::string::npos)
      << refused.error;
  EXPECT_TRUE(client.request("list").items.empty());
  auto other = client_of("bob");
  create_shell(other, "shell");
  ASSERT_EQ(run({"chage", "--expiredate", "-1", "alice"}).status, 0);
  create_shell(client, "shell");
}

// A session whose host cannot be run is refused at once, and with what systemd knows.
TEST(Units, AHostThatCannotBeStartedIsNamed) {
  write_file("/etc/ptyd/ptyd.yaml", "sessions:\n  program: /usr/libexec/nowhere\n");
  start_socket();
  auto client = client_of("alice");
  const auto refused = client.request("create", {{"command", {"bash"}}});
  EXPECT_EQ(refused.code(), "start-failed") << refused.error;
  EXPECT_NE(refused.error.value("message", "").find("No such file or directory"), std::string::npos)
      << refused.error;
  write_file("/etc/ptyd/ptyd.yaml", "sessions:\n  program: /bin/true\n");
  ASSERT_EQ(systemctl({"reload", "ptyd.service"}).status, 0);
  // systemd 252 does not wait for that.
  ASSERT_TRUE(wait_for_journal("ptyd.service", "The new configuration is in force"));
  const auto ended = client.request("create", {{"command", {"bash"}}});
  EXPECT_EQ(ended.code(), "start-failed") << ended.error;
  EXPECT_NE(ended.error.value("message", "").find("ended before it registered"), std::string::npos)
      << ended.error;
}

TEST(Units, StoppingTheUnitEndsItsSession) {
  start_socket();
  auto client = client_of("alice");
  const auto session = create_shell(client, "shell");
  create_shell(client, "other");
  auto viewer = client_of("alice");
  ASSERT_TRUE(viewer.attach("shell"));
  ASSERT_EQ(systemctl({"stop", session_unit(session.value("id", ""))}).status, 0);
  EXPECT_TRUE(viewer.wait_ended());
  ASSERT_TRUE(viewer.ended());
  const auto ended = client.request("status", {{"session", "shell"}}).result;
  EXPECT_EQ(ended.value("state", ""), "stopped");
  EXPECT_EQ(ended.value("endedBy", ""), "SIGHUP");
  const auto log = journal("ptyd.service");
  EXPECT_NE(log.find("Session shell is being ended by a stop of its unit"), std::string::npos)
      << log;
  EXPECT_NE(log.find("PTY for session shell exited gracefully"), std::string::npos) << log;
  EXPECT_EQ(client.request("status", {{"session", "other"}}).result.value("state", ""), "active");
}

TEST(Units, AUnitsMemoryIsLimited) {
  if (!has_controller("memory")) GTEST_SKIP() << "cgroup2 has no memory controller here";
  start_socket();
  auto client = client_of("alice");
  create_shell(client, "other");
  const auto session = create_shell(client, "hungry");
  const auto unit = session_unit(session.value("id", ""));
  ASSERT_EQ(
      systemctl({"set-property", "--runtime", unit, "MemoryMax=64M", "MemorySwapMax=0"}).status, 0);
  client.request("send", {{"session", "hungry"}},
                 "(head -c 500000000 /dev/zero | tail >/dev/null); echo status $((40 + 2))\n");
  // The process that ate too much is gone, its session is not.
  EXPECT_TRUE(wait_printed(client, "hungry", "status 42"));
  EXPECT_NE(read_file("/sys/fs/cgroup/ptyd.slice/" + unit + "/memory.events").find("oom_kill 1"),
            std::string::npos);
  EXPECT_EQ(client.request("status", {{"session", "other"}}).result.value("state", ""), "active");
}

TEST(Units, AUnitsTasksAreLimited) {
  if (!has_controller("pids")) GTEST_SKIP() << "cgroup2 has no pids controller here";
  start_socket();
  auto client = client_of("alice");
  const auto session = create_shell(client, "shell");
  const auto unit = session_unit(session.value("id", ""));
  ASSERT_EQ(systemctl({"set-property", "--runtime", unit, "TasksMax=20"}).status, 0);
  client.request("send", {{"session", "shell"}}, "f() { f | f & }; f\n");
  EXPECT_TRUE(wait_printed(client, "shell", "Resource temporarily unavailable"));
  EXPECT_EQ(client.request("terminate", {{"session", "shell"}}).result.value("state", ""),
            "stopped");
  EXPECT_TRUE(wait_for_property(unit, "ActiveState", "inactive"));
}

// A fork bomb, within the limit that PAM gives its user, takes nothing else with it, and its
// session can be ended.
TEST(Units, AForkBombTakesNothingElseWithIt) {
  start_socket();
  write_file("/etc/security/limits.d/bob.conf", "bob hard nproc 150\nbob soft nproc 150\n");
  auto bob = client_of("bob");
  auto alice = client_of("alice");
  create_shell(alice, "shell");
  const auto bomb = create_shell(bob, "bomb");
  bob.request("send", {{"session", "bomb"}}, "f() { f | f & }; f\n");
  EXPECT_TRUE(wait_printed(bob, "bomb", "Resource temporarily unavailable"));
  alice.request("send", {{"session", "shell"}}, "echo still $((40 + 2))\n");
  EXPECT_TRUE(wait_printed(alice, "shell", "still 42"));
  const auto ended = bob.request("terminate", {{"session", "bomb"}}).result;
  EXPECT_EQ(ended.value("state", ""), "stopped") << ended;
  EXPECT_TRUE(wait_for_property(session_unit(bomb.value("id", "")), "ActiveState", "inactive"));
  EXPECT_EQ(run({"pgrep", "-u", "bob"}).out, "");
}

}  // namespace
}  // namespace ptyd::test
