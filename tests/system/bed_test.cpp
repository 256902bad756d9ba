// SPDX-License-Identifier: LGPL-2.1-or-later
// What the system tests stand on: that the machine they run in is one.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "common/unix_socket.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/system/machine.hpp"

namespace ptyd::test {
namespace {

constexpr char kWritten[] = "/var/lib/ptyd-test/written";
constexpr char kBootId[] = "/proc/sys/kernel/random/boot_id";

TEST(Bed, RunsTheSystemdOfItsRelease) {
  EXPECT_EQ(read_file("/proc/1/comm"), "systemd\n");
  const char* asked_for = ::getenv("TEST_RELEASE");
  ASSERT_NE(asked_for, nullptr);
  EXPECT_EQ(release(), asked_for);
  const std::map<std::string, std::string> versions{{"bookworm", "252"}, {"trixie", "257"}};
  const auto expected = versions.find(release());
  ASSERT_NE(expected, versions.end());
  const auto version = run({"systemctl", "--version"}).out;
  EXPECT_TRUE(version.starts_with("systemd " + expected->second)) << version;
}

TEST(Bed, BootsWithoutAFailedUnit) {
  const auto state = systemctl({"is-system-running"});
  EXPECT_EQ(state.out, "running\n") << state << systemctl({"--failed"});
}

TEST(Bed, HasTheProgramsOfThisTree) {
  for (const char* program : {kPtyd, kPtyctl, kPtydSession})
    EXPECT_EQ(::access(program, X_OK), 0) << program;
  EXPECT_EQ(run({kPtyctl, "--version"}).status, 0);
}

TEST(Bed, IsRootInAUnitOfItsOwn) {
  EXPECT_EQ(::geteuid(), 0U);
  EXPECT_EQ(unit_property("ptyd-test.service", "MainPID"), std::to_string(::getpid()));
  EXPECT_EQ(read_file("/proc/self/cgroup").find("/.."), std::string::npos);
}

TEST(Bed, KeepsAJournal) {
  const auto unit = "ptyd-bed-hello.service";
  const auto result = run({"systemd-run", "--quiet", "--wait", "--unit", unit, "echo", "hello"});
  ASSERT_EQ(result.status, 0) << result;
  EXPECT_TRUE(wait_for_journal(unit, "hello"));
  EXPECT_FALSE(std::filesystem::is_empty("/var/log/journal"));
}

TEST(Bed, RunsATransientUnitAsAUser) {
  const auto result =
      run({"systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--uid=alice", "id", "-un"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(result.out, "alice\n");
}

TEST(Bed, WaitsForAProperty) {
  const auto unit = "ptyd-bed-wait.service";
  ASSERT_EQ(run({"systemd-run", "--quiet", "--unit", unit, "sleep", "infinity"}).status, 0);
  EXPECT_TRUE(wait_for_property(unit, "ActiveState", "active"));
  ASSERT_EQ(systemctl({"--no-block", "stop", unit}).status, 0);
  EXPECT_TRUE(wait_for_property(unit, "ActiveState", "inactive"));
  EXPECT_FALSE(wait_for_property(unit, "ActiveState", "active", std::chrono::milliseconds(100)));
}

TEST(Bed, TakesADropIn) {
  write_drop_in("dbus.service", "[Service]\nTimeoutStopSec=7\n");
  EXPECT_EQ(unit_property("dbus.service", "TimeoutStopUSec"), "7s");
}

TEST(Bed, RunsCommandsAsUsers) {
  const auto result = run(as_user("bob", {"sh", "-c", "id -un; id -G; pwd; echo $HOME $USER"}));
  EXPECT_EQ(result.out, "bob\n1001\n/home/bob\n/home/bob bob\n") << result;
}

TEST(Bed, HasUserManagers) {
  enable_linger("alice");
  const auto state = run(as_user("alice", {"systemctl", "--user", "is-system-running", "--wait"}));
  EXPECT_EQ(state.out, "running\n") << state;
  const auto unit = run(as_user(
      "alice", {"systemd-run", "--user", "--quiet", "--pipe", "--wait", "printenv", "USER"}));
  EXPECT_EQ(unit.out, "alice\n") << unit;
  EXPECT_EQ(run(as_user("alice", {"busctl", "--user", "status"})).status, 0);
}

TEST(Bed, ConnectsAsAUser) {
  const TempDir folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
  const auto path = folder / "socket";
  const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  std::filesystem::permissions(path, std::filesystem::perms(0666));

  const auto client = connect_as("carol", path);
  const UniqueFd connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ucred peer{};
  socklen_t size = sizeof peer;
  ASSERT_EQ(::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size), 0);
  EXPECT_EQ(peer.uid, uid_of("carol"));
  EXPECT_EQ(peer.gid, 1002U);
  EXPECT_EQ(::geteuid(), 0U);
}

// A machine may end in a test, and has its disk and another boot id when it is back.
TEST(Bed, ComesBackAfterPowerOff) {
  write_file(kWritten, read_file(kBootId) + read_file("/etc/machine-id"));
  end_machine_then("Bed.DISABLED_IsBack");
}
TEST(Bed, ComesBackAfterReboot) {
  write_file(kWritten, read_file(kBootId) + read_file("/etc/machine-id"));
  end_machine_then("Bed.DISABLED_IsBack", "reboot");
}
TEST(Bed, DISABLED_IsBack) {
  const auto written = read_file(kWritten);
  const auto boot_id = read_file(kBootId);
  ASSERT_EQ(boot_id.size(), 37U);
  ASSERT_EQ(written.size(), 37U + 33U);
  EXPECT_NE(written.substr(0, 37), boot_id);
  EXPECT_EQ(written.substr(37), read_file("/etc/machine-id"));
  EXPECT_FALSE(std::filesystem::exists("/var/lib/ptyd-test/next"));
}

}  // namespace
}  // namespace ptyd::test
