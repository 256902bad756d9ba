// SPDX-License-Identifier: LGPL-2.1-or-later
// Services that one can attach to: `ptyctl run` in units of an admin's own.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/sessions.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/system/daemon.hpp"

namespace ptyd::test {
namespace {

constexpr char kUnit[] = "console.service";

// A console that ends at the line "stop", after a second, and with the status N at "fail N".
constexpr char kConsole[] =
    "echo console ready; while read -r verb status; do case $verb in stop) echo stopping; sleep 1;"
    " echo saved > $STATE_DIRECTORY/saved; exit 0 ;; fail) exit $status ;; *) echo \"you said"
    " $verb\" ;; esac; done";

void write_console_unit() {
  write_file("/usr/local/bin/console", std::string("#!/bin/bash\n") + kConsole + "\n");
  std::filesystem::permissions("/usr/local/bin/console", std::filesystem::perms(0755));
  write_file(std::string("/etc/systemd/system/") + kUnit,
             "[Unit]\nDescription=A console\n[Service]\nType=notify\nUser=bob\n"
             "StateDirectory=console\nKillMode=mixed\n"
             "ExecStart=/usr/bin/ptyctl run --name=console --stop-input='stop'"
             " --stop-timeout=10s -- /usr/local/bin/console\n"
             "Restart=on-failure\nRestartSec=100ms\n[Install]\nWantedBy=multi-user.target\n");
  ASSERT_EQ(systemctl({"daemon-reload"}).status, 0);
}

std::string state_of(ProtocolClient& client, const std::string& session) {
  const auto answer = client.request("status", {{"session", session}});
  return answer.result.is_object() ? answer.result.value("state", "") : "";
}

TEST(Service, IsAttachedToAndStopsByItsInput) {
  write_console_unit();
  start_socket();
  const auto started = systemctl({"start", kUnit});
  ASSERT_EQ(started.status, 0) << started;
  EXPECT_EQ(unit_property(kUnit, "SubState"), "running");
  auto client = client_of("bob");
  ASSERT_TRUE(eventually([&] { return state_of(client, "console") == "active"; }));
  auto viewer = client_of("bob");
  ASSERT_TRUE(viewer.attach("console"));
  ASSERT_TRUE(viewer.input("hello\n"));
  ASSERT_TRUE(viewer.read_output_until("you said hello"));
  // Stopping ptyd does not stop it, nor those who look at it.
  ASSERT_EQ(systemctl({"stop", "ptyd.service", "ptyd.socket"}).status, 0);
  EXPECT_EQ(unit_property(kUnit, "SubState"), "running");
  ASSERT_TRUE(viewer.input("alone\n"));
  ASSERT_TRUE(viewer.read_output_until("you said alone"));
  ASSERT_EQ(systemctl({"start", "ptyd.socket"}).status, 0);
  auto later = client_of("bob");
  ASSERT_TRUE(eventually([&] { return state_of(later, "console") == "active"; }));
  // Detached, and its stop is typed and waited for.
  ASSERT_TRUE(viewer.send(FrameType::kDetach));
  ASSERT_TRUE(viewer.wait_ended());
  ASSERT_EQ(systemctl({"stop", kUnit}).status, 0);
  EXPECT_EQ(unit_property(kUnit, "Result"), "success");
  EXPECT_EQ(read_file("/var/lib/console/saved"), "saved\n");
  const auto ended = later.request("status", {{"session", "console"}}).result;
  EXPECT_EQ(ended.value("state", ""), "stopped") << ended;
  EXPECT_EQ(ended.value("endedBy", ""), "exited") << ended;
  EXPECT_EQ(ended.value("exitStatus", -1), 0) << ended;
}

TEST(Service, ItsExitStatusIsTheUnitsResultAndItIsRestarted) {
  write_console_unit();
  start_socket();
  ASSERT_EQ(systemctl({"start", kUnit}).status, 0);
  auto client = client_of("bob");
  ASSERT_TRUE(eventually([&] { return state_of(client, "console") == "active"; }));
  const auto first = client.request("status", {{"session", "console"}}).result.value("id", "");
  ASSERT_TRUE(client.request("send", {{"session", "console"}}, "fail 7\n").answered);
  ASSERT_TRUE(wait_for_property(kUnit, "NRestarts", "1"));
  ASSERT_TRUE(wait_for_property(kUnit, "SubState", "running"));
  EXPECT_NE(journal(kUnit).find("status=7"), std::string::npos) << journal(kUnit);
  // Under its old name, of which there is one.
  ASSERT_TRUE(eventually([&] {
    const auto now = client.request("status", {{"session", "console"}}).result;
    return now.is_object() && now.value("id", "") != first && now.value("state", "") == "active";
  }));
  EXPECT_EQ(client.request("list").items.size(), 1U);
  // An end in order is no failure.
  ASSERT_TRUE(client.request("send", {{"session", "console"}}, "stop\n").answered);
  ASSERT_TRUE(wait_for_property(kUnit, "ActiveState", "inactive"));
  EXPECT_EQ(unit_property(kUnit, "Result"), "success");
  // It is systemd's to start, not ptyd's.
  ASSERT_EQ(systemctl({"start", kUnit}).status, 0);
  ASSERT_TRUE(eventually([&] { return state_of(client, "console") == "active"; }));
  const auto refused = client.request("restart", {{"session", "console"}});
  EXPECT_TRUE(refused.error.is_object());
  EXPECT_EQ(unit_property(kUnit, "SubState"), "running");
}

// There is no ptyd when it starts, nor later: it does not care, and registers when there is.
TEST(Service, DoesNotNeedTheDaemon) {
  write_console_unit();
  ASSERT_EQ(systemctl({"mask", "--runtime", "--now", "ptyd.socket", "ptyd.service"}).status, 0);
  ASSERT_EQ(systemctl({"start", kUnit}).status, 0);
  EXPECT_EQ(unit_property(kUnit, "SubState"), "running");
  ASSERT_EQ(systemctl({"unmask", "--runtime", "ptyd.socket", "ptyd.service"}).status, 0);
  start_socket();
  auto client = client_of("bob");
  ASSERT_TRUE(eventually([&] { return state_of(client, "console") == "active"; }));
  EXPECT_TRUE(wait_printed(client, "console", "console ready"));
  for (int i = 0; i < 3; ++i) {
    const auto pid = daemon_pid();
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_TRUE(wait_daemon_other_than(pid));
  }
  auto later = client_of("bob");
  ASSERT_TRUE(eventually([&] {
    return later.request("send", {{"session", "console"}}, "again\n").result.is_object();
  }));
  EXPECT_TRUE(wait_printed(later, "console", "you said again"));
  // With no daemon, its stop is as prompt and as orderly.
  ASSERT_EQ(systemctl({"stop", "ptyd.socket", "ptyd.service"}).status, 0);
  ASSERT_EQ(systemctl({"stop", kUnit}).status, 0);
  EXPECT_EQ(unit_property(kUnit, "Result"), "success");
  EXPECT_EQ(read_file("/var/lib/console/saved"), "saved\n");
}

TEST(Service, IsStartedAtBoot) {
  write_console_unit();
  ASSERT_EQ(systemctl({"enable", kUnit, "ptyd.socket"}).status, 0);
  end_machine_then("Service.DISABLED_AfterTheBoot", "reboot");
}
TEST(Service, DISABLED_AfterTheBoot) {
  ASSERT_TRUE(wait_for_property(kUnit, "SubState", "running"));
  auto client = client_of("bob");
  EXPECT_TRUE(eventually([&] { return state_of(client, "console") == "active"; }));
}

}  // namespace
}  // namespace ptyd::test
