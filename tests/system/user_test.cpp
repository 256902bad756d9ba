// SPDX-License-Identifier: LGPL-2.1-or-later
// A user's own daemon, under that user's systemd.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/sessions.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/system/daemon.hpp"

namespace ptyd::test {
namespace {

constexpr char kAlicesSocket[] = "/run/user/1000/ptyd/ptyd.sock";

RunResult alice(const Arguments& arguments) { return run(as_user("alice", arguments)); }

RunResult user_systemctl(Arguments arguments) {
  arguments.insert(arguments.begin(), {"systemctl", "--user", "--no-pager"});
  return alice(arguments);
}

std::string user_property(const std::string& unit, const std::string& property) {
  auto text = user_systemctl({"show", "--value", "--property=" + property, "--", unit}).out;
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

void start_alices_socket() {
  enable_linger("alice");
  const auto enabled = user_systemctl({"enable", "--now", "ptyd.socket"});
  ASSERT_EQ(enabled.status, 0) << enabled;
  const auto listed = alice({kPtyctl, "--user", "list"});
  ASSERT_EQ(listed.status, 0) << listed;
}

testing::AssertionResult wait_user_daemon_other_than(const std::string& pid) {
  const Deadline deadline(kPatience);
  std::string now;
  do {
    now = user_property("ptyd.service", "MainPID");
    if (now != "0" && now != pid && user_property("ptyd.service", "SubState") == "running")
      return testing::AssertionSuccess();
  } while (!deadline.passed());
  return testing::AssertionFailure() << "MainPID is " << now;
}

TEST(UserInstance, IsStartedByItsSocketAndItsSessionsAreUserUnits) {
  start_alices_socket();
  EXPECT_EQ(user_property("ptyd.service", "ActiveState"), "active");
  auto client = client_of("alice", kAlicesSocket);
  const auto session = create_shell(client, "shell");
  const auto unit = session_unit(session.value("id", ""));
  EXPECT_EQ(user_property(unit, "ActiveState"), "active");
  EXPECT_EQ(user_property(unit, "Slice"), "ptyd.slice");
  EXPECT_EQ(unit_property(unit, "ActiveState"), "inactive") << "not a unit of the system";
  EXPECT_EQ(std::filesystem::status("/home/alice/.local/state/ptyd").permissions(),
            std::filesystem::perms(0700));
  // ptyctl prefers a user's own daemon where there is one.
  EXPECT_NE(alice({kPtyctl, "list"}).out.find("shell"), std::string::npos);
  const auto stopped = user_systemctl({"stop", unit});
  EXPECT_EQ(stopped.status, 0) << stopped;
  EXPECT_EQ(client.request("status", {{"session", "shell"}}).result.value("state", ""), "stopped");
}

TEST(UserInstance, SessionsSurviveKillsAndRestartsAndEndInAStop) {
  start_alices_socket();
  auto viewer = client_of("alice", kAlicesSocket);
  create_shell(viewer, "shell");
  ASSERT_TRUE(viewer.attach("shell"));
  for (int i = 0; i < 5; ++i) {
    const auto pid = user_property("ptyd.service", "MainPID");
    ASSERT_EQ(::kill(std::stoi(pid), SIGKILL), 0);
    ASSERT_TRUE(shell_answers(viewer, "kill-" + std::to_string(i)));
    ASSERT_TRUE(wait_user_daemon_other_than(pid));
  }
  ASSERT_EQ(user_systemctl({"restart", "ptyd.service"}).status, 0);
  ASSERT_TRUE(shell_answers(viewer, "restarted"));
  EXPECT_EQ(viewer.missed(), 0U);
  ASSERT_EQ(user_systemctl({"reload", "ptyd.service"}).status, 0);
  ASSERT_EQ(user_systemctl({"stop", "ptyd.service", "ptyd.socket"}).status, 0);
  EXPECT_TRUE(viewer.wait_ended());
  EXPECT_EQ(user_property("ptyd.service", "Result"), "success");
  const auto log = user_journal("alice", "ptyd.service");
  EXPECT_NE(log.find("Handed over 1 session in "), std::string::npos) << log;
  EXPECT_NE(log.find("Graceful shutdown complete"), std::string::npos) << log;
}

TEST(UserInstance, DoesNotDisturbTheSystemsDaemon) {
  start_socket();
  start_alices_socket();
  auto system = client_of("alice");
  auto own = client_of("alice", kAlicesSocket);
  create_shell(system, "same");
  create_shell(own, "same");
  auto viewer = client_of("alice");
  ASSERT_TRUE(viewer.attach("same"));
  EXPECT_EQ(system.request("list").items.size(), 1U);
  EXPECT_EQ(own.request("list").items.size(), 1U);
  ASSERT_EQ(user_systemctl({"stop", "ptyd.service"}).status, 0);
  EXPECT_TRUE(shell_answers(viewer, "untouched"));
  ASSERT_EQ(systemctl({"stop", "ptyd.service"}).status, 0);
  EXPECT_TRUE(viewer.wait_ended());
}

// With lingering, a session is there after its user has logged out.
TEST(UserInstance, SessionsSurviveALogout) {
  start_alices_socket();
  const auto script =
      std::string("ptyctl --user new kept -d -- bash --norc -i && ptyctl --user list");
  // A login: a session of logind, in which everything is ended at its end.
  write_file("/etc/pam.d/test-login",
             "account required pam_permit.so\nsession required pam_systemd.so\n");
  const auto login = run({"systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--uid=alice",
                          "--property=PAMName=test-login", "bash", "-c", script});
  EXPECT_EQ(login.status, 0) << login;
  EXPECT_NE(login.out.find("kept"), std::string::npos) << login;
  const auto listed = alice({kPtyctl, "--user", "--json=short", "status", "kept"});
  EXPECT_NE(listed.out.find("\"state\":\"active\""), std::string::npos) << listed;
}

TEST(UserInstance, IsOnTheUsersBus) {
  start_alices_socket();
  auto client = client_of("alice", kAlicesSocket);
  const auto id = create_shell(client, "shell").value("id", "");
  const auto tree = alice({"busctl", "--user", "--no-pager", "tree", "org.ptyd1"});
  EXPECT_NE(tree.out.find("/org/ptyd1/session/" + id), std::string::npos) << tree;
  const auto call = [](const Arguments& arguments) {
    Arguments all{"busctl",    "--user",     "--no-pager",       "call",
                  "org.ptyd1", "/org/ptyd1", "org.ptyd1.Manager"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return alice(all);
  };
  const auto listed = call({"ListSessions"});
  EXPECT_NE(listed.out.find(id), std::string::npos) << listed;
  // The user is who administers a user's daemon.
  EXPECT_EQ(call({"Drain", "a{sv}", "0"}).status, 0);
  EXPECT_EQ(call({"CancelDrain"}).status, 0);
  // A call starts the daemon, as a connection does.
  ASSERT_EQ(user_systemctl({"stop", "ptyd.service"}).status, 0);
  EXPECT_EQ(call({"ListSessions"}).status, 0);
  EXPECT_EQ(user_property("ptyd.service", "ActiveState"), "active");
}

}  // namespace
}  // namespace ptyd::test
