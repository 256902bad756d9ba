// SPDX-License-Identifier: LGPL-2.1-or-later
// org.ptyd1 on the system bus, with busctl, as root and as a user.
#include <gtest/gtest.h>

#include "tests/support/sessions.hpp"
#include "tests/system/daemon.hpp"

namespace ptyd::test {
namespace {

RunResult busctl(const std::string& user, const Arguments& arguments) {
  Arguments all{"busctl", "--no-pager"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return user == "root" ? run(all) : run(as_user(user, all));
}

RunResult manager(const std::string& user, Arguments arguments) {
  arguments.insert(arguments.begin(), {"call", "org.ptyd1", "/org/ptyd1", "org.ptyd1.Manager"});
  return busctl(user, arguments);
}

TEST(Bus, ACallStartsTheDaemonToo) {
  ASSERT_EQ(systemctl({"enable", "--now", "ptyd.socket"}).status, 0);
  EXPECT_EQ(unit_property("ptyd.service", "ActiveState"), "inactive");
  const auto listed = manager("alice", {"ListSessions"});
  EXPECT_EQ(listed.out, "a(ssussuo) 0\n") << listed;
  EXPECT_EQ(unit_property("ptyd.service", "ActiveState"), "active");
}

TEST(Bus, TreeAndIntrospectionAsRootAndAsAUser) {
  start_socket();
  auto alice = client_of("alice");
  const auto id = create_shell(alice, "shell").value("id", "");
  const auto object = "/org/ptyd1/session/" + id;
  EXPECT_NE(busctl("root", {"tree", "org.ptyd1"}).out.find(object), std::string::npos);
  EXPECT_NE(busctl("root", {"introspect", "org.ptyd1", object}).out.find(".StopTimeoutMs"),
            std::string::npos);
  for (const char* user : {"root", "alice"}) {
    const auto introspected = busctl(user, {"introspect", "org.ptyd1", "/org/ptyd1"});
    EXPECT_EQ(introspected.status, 0) << introspected;
    EXPECT_NE(introspected.out.find(".ListSessions"), std::string::npos) << introspected;
    EXPECT_EQ(busctl(user, {"get-property", "org.ptyd1", "/org/ptyd1", "org.ptyd1.Manager",
                            "SessionCount"})
                  .out,
              "u 1\n");
  }
}

TEST(Bus, SessionsAreCreatedAndEndedByTheirOwner) {
  start_socket();
  const auto created = manager("alice", {"CreateSession", "a{sv}", "2", "name", "s", "job",
                                         "command", "as", "2", "sleep", "1000"});
  ASSERT_EQ(created.status, 0) << created;
  auto alice = client_of("alice");
  const auto session = alice.request("status", {{"session", "job"}}).result;
  EXPECT_EQ(session.value("uid", 0), 1000);
  EXPECT_EQ(unit_property(session_unit(session.value("id", "")), "ActiveState"), "active");
  EXPECT_EQ(manager("alice", {"TerminateSession", "s", "job"}).status, 0);
  EXPECT_EQ(alice.request("status", {{"session", "job"}}).result.value("state", ""), "stopped");
}

TEST(Bus, DrainIsRootsAndItsSignalsAreSeen) {
  start_socket();
  auto alice = client_of("alice");
  create_shell(alice, "shell");
  Process monitor({"busctl", "--no-pager", "monitor", "org.ptyd1"});
  ASSERT_TRUE(monitor.err().wait_for("Monitoring bus message stream."));
  const auto refused = manager("alice", {"Drain", "a{sv}", "0"});
  EXPECT_NE(refused.status, 0);
  EXPECT_NE(refused.err.find("only root may drain this ptyd"), std::string::npos) << refused;
  EXPECT_EQ(manager("root", {"Drain", "a{sv}", "0"}).status, 0);
  EXPECT_TRUE(monitor.out().wait_for("Member=StateChanged"));
  EXPECT_TRUE(monitor.out().wait_for("Member=DrainProgress"));
  EXPECT_EQ(manager("root", {"CancelDrain"}).status, 0);
  create_shell(alice, "second");
  EXPECT_TRUE(monitor.out().wait_for("Member=SessionNew"));
}

}  // namespace
}  // namespace ptyd::test
