// SPDX-License-Identifier: LGPL-2.1-or-later
// Requests that wait for the end of a drain, and are started as units of their owners.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>

#include "common/unique_fd.hpp"
#include "tests/support/sessions.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/system/daemon.hpp"

namespace ptyd::test {
namespace {

constexpr char kRan[] = "/tmp/ran";
constexpr char kGate[] = "/run/gate";

// Each of its lines is one run of the command, by this user.
void expect_ran_once_as(const std::string& user) {
  EXPECT_EQ(read_file(kRan), std::to_string(uid_of(user)) + "\n");
}

// Drains, and queues a session of alice's that writes who it is; its id.
std::string drain_and_queue() {
  auto admin = client_of("root");
  EXPECT_TRUE(admin.request("drain", {{"graceMs", 600'000}}).result.is_object());
  auto client = client_of("alice");
  const auto answer = client.request(
      "create",
      {{"name", "late"},
       {"command", {"sh", "-c", std::string("id -u >> ") + kRan + "; exec sleep infinity"}},
       {"queue", true}});
  EXPECT_EQ(answer.result.is_object() ? answer.result.value("state", "") : "", "queued")
      << answer.error;
  return answer.result.is_object() ? answer.result.value("id", "") : "";
}

testing::AssertionResult wait_active(const std::string& session) {
  auto client = client_of("alice");
  std::string state;
  const bool active = eventually([&] {
    const auto answer = client.request("status", {{"session", session}});
    if (!answer.answered) client = client_of("alice");
    state = answer.result.is_object() ? answer.result.value("state", "") : answer.code();
    return state == "active" || state == "idle";
  });
  return active ? testing::AssertionSuccess() : testing::AssertionFailure() << state;
}

// A host that stays before its first step, the opening of a FIFO, until the gate is open.
void hold_hosts_back() {
  ASSERT_EQ(::mkfifo(kGate, 0644), 0);
  write_file("/usr/local/bin/slow-host",
             std::string("#!/bin/sh\n: < ") + kGate + "\nexec " + kPtydSession + " \"$@\"\n");
  std::filesystem::permissions("/usr/local/bin/slow-host", std::filesystem::perms(0755));
  write_drop_in("ptyd.service",
                "[Service]\nEnvironment=PTYD_SESSION_PROGRAM=/usr/local/bin/slow-host\n");
}

// For as long as the descriptor is open.
UniqueFd open_gate() { return UniqueFd(::open(kGate, O_RDWR | O_CLOEXEC)); }

// Kills the daemon when the queued session's unit is there and its host has not registered; the
// next daemon has asked systemd for the same unit when this returns.
std::string kill_between_unit_and_host() {
  hold_hosts_back();
  start_socket();
  const auto id = drain_and_queue();
  EXPECT_TRUE(client_of("root").request("cancel-drain").result.is_object());
  EXPECT_TRUE(wait_for_property(session_unit(id), "ActiveState", "active"));
  const auto pid = daemon_pid();
  EXPECT_EQ(::kill(pid, SIGKILL), 0);
  EXPECT_TRUE(wait_daemon_other_than(pid));
  EXPECT_TRUE(wait_for_journal("ptyd.service", session_unit(id) + " is there already"));
  return id;
}

TEST(Queue, ItsSessionsAreStartedByTheNextDaemonAsTheirOwners) {
  start_socket();
  const auto id = drain_and_queue();
  const auto listed = run(as_user("alice", {kPtyctl, "queue"}));
  EXPECT_NE(listed.out.find("late"), std::string::npos) << listed;
  EXPECT_EQ(unit_property(session_unit(id), "ActiveState"), "inactive");
  ASSERT_EQ(systemctl({"stop", "ptyd.service"}).status, 0);
  ASSERT_EQ(systemctl({"start", "ptyd.service"}).status, 0);
  ASSERT_TRUE(wait_active("late"));
  EXPECT_EQ(unit_property(session_unit(id), "User"), std::to_string(uid_of("alice")));
  ASSERT_TRUE(eventually([] { return !read_file(kRan).empty(); }));
  expect_ran_once_as("alice");
  EXPECT_NE(run(as_user("alice", {kPtyctl, "queue"})).out.find("completed"), std::string::npos);
}

// The daemon was killed after systemd had started the unit: the next one asked for the same unit,
// and took "there is one" for a failed start.
TEST(Queue, AUnitThatAnEarlierDaemonHasStartedBecomesTheSession) {
  const auto id = kill_between_unit_and_host();
  const auto gate = open_gate();
  ASSERT_TRUE(wait_active("late"));
  ASSERT_TRUE(eventually([] { return !read_file(kRan).empty(); }));
  expect_ran_once_as("alice");
  EXPECT_EQ(unit_property(session_unit(id), "ActiveState"), "active");
}

TEST(Queue, AUnitThatGoesWithoutItsHostIsStartedAnew) {
  const auto id = kill_between_unit_and_host();
  const auto invocation = unit_property(session_unit(id), "InvocationID");
  ASSERT_EQ(systemctl({"stop", session_unit(id)}).status, 0);
  const auto gate = open_gate();
  ASSERT_TRUE(wait_active("late"));
  ASSERT_TRUE(eventually([] { return !read_file(kRan).empty(); }));
  expect_ran_once_as("alice");
  EXPECT_NE(unit_property(session_unit(id), "InvocationID"), invocation);
}

}  // namespace
}  // namespace ptyd::test
