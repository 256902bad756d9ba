// SPDX-License-Identifier: LGPL-2.1-or-later
// What people are told when the machine shuts down, and when.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "tests/support/sessions.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/system/daemon.hpp"

namespace ptyd::test {
namespace {

constexpr char kSeen[] = "/var/lib/ptyd-test/seen";

bool holds_the_lock() {
  return run({"systemd-inhibit", "--list", "--no-pager", "--no-legend"})
             .out.find("Warning the users of terminal sessions") != std::string::npos;
}

// Everything this boot has logged about the daemon, after the machine has booted again.
std::string log_of_the_boot_before() {
  return run({"journalctl", "--boot=-1", "--no-pager", "--quiet", "--output=cat",
              "--unit=ptyd.service"})
      .out;
}

// Reads the event of a shutdown that has begun, while the machine is held up.
testing::AssertionResult was_warned(ProtocolClient& client, int grace_ms) {
  const auto event = client.next_event("machine.shutdown");
  if (!event) return testing::AssertionFailure() << "no warning";
  if (event->value("gracePeriodMs", -1) == grace_ms) return testing::AssertionSuccess();
  return testing::AssertionFailure() << *event;
}

// Ends the machine, and leaves word for the second half of what came of `seen`.
template <typename Seen>
[[noreturn]] void power_off_then(const std::string& next, Seen seen) {
  end_machine_then(next, "poweroff", [&] {
    write_file(kSeen, seen() ? "warned\n" : "not warned\n");
    ::sync();
  });
}

TEST(Shutdown, WhoIsAttachedIsWarnedBeforeAnythingStops) {
  start_socket();
  ASSERT_TRUE(eventually(holds_the_lock));
  auto client = client_of("alice");
  create_shell(client, "shell");
  auto viewer = client_of("alice");
  ASSERT_TRUE(viewer.attach("shell"));
  Process bus({"busctl", "--no-pager", "monitor", "org.ptyd1"});
  ASSERT_TRUE(bus.err().wait_for("Monitoring bus message stream."));
  power_off_then("Shutdown.DISABLED_AfterTheWarning", [&] {
    const auto told = was_warned(viewer, 3000);
    EXPECT_TRUE(told);
    const auto connected = was_warned(client, 3000);
    EXPECT_TRUE(connected);
    const auto signalled = bus.out().wait_for("Member=MachineShutdown");
    EXPECT_TRUE(signalled);
    // Nothing is stopped yet: the session answers.
    const bool answers = shell_answers(viewer, "still-here");
    EXPECT_TRUE(answers);
    return told && connected && signalled && answers;
  });
}
TEST(Shutdown, DISABLED_AfterTheWarning) {
  EXPECT_EQ(read_file(kSeen), "warned\n");
  const auto log = log_of_the_boot_before();
  const auto warned = log.find("The machine is shutting down; told 1 attached");
  const auto stopped = log.find("Received SIGTERM, shutting down gracefully...");
  EXPECT_LT(warned, stopped) << log;
  EXPECT_NE(stopped, std::string::npos) << log;
  EXPECT_NE(log.find("Graceful shutdown complete"), std::string::npos) << log;
}

TEST(Shutdown, NobodyAttachedHoldsNothingUp) {
  start_socket();
  ASSERT_TRUE(eventually(holds_the_lock));
  auto client = client_of("alice");
  create_shell(client, "shell");
  end_machine_then("Shutdown.DISABLED_AfterNothingWasHeldUp");
}
TEST(Shutdown, DISABLED_AfterNothingWasHeldUp) {
  const auto log = log_of_the_boot_before();
  EXPECT_NE(log.find("told 0 attached and 1 connected clients, and holding it up for 0s"),
            std::string::npos)
      << log;
}

// A daemon that follows another, and one that was killed, warn as well.
TEST(Shutdown, EveryDaemonHoldsItsLock) {
  start_socket();
  ASSERT_TRUE(eventually(holds_the_lock));
  ASSERT_EQ(systemctl({"restart", "ptyd.service"}).status, 0);
  EXPECT_TRUE(eventually(holds_the_lock));
  const auto pid = daemon_pid();
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  ASSERT_TRUE(wait_daemon_other_than(pid));
  EXPECT_TRUE(eventually(holds_the_lock));
  ASSERT_EQ(systemctl({"stop", "ptyd.service", "ptyd.socket"}).status, 0);
  EXPECT_TRUE(eventually([] { return !holds_the_lock(); }));
}

}  // namespace
}  // namespace ptyd::test
