// SPDX-License-Identifier: LGPL-2.1-or-later
// The tests' own tools: what they promise is what the other tests rest on.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/support/leftovers.hpp"
#include "tests/support/message_bus.hpp"
#include "tests/support/notify_socket.hpp"
#include "tests/support/process.hpp"
#include "tests/support/sessions.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/terminal.hpp"

namespace ptyd::test {
namespace {

constexpr std::chrono::milliseconds kMoment{100};

TEST(Process, TellsOutputAndStatus) {
  const auto result = run({"sh", "-c", "echo out; echo err >&2; exit 7"});
  EXPECT_EQ(result.status, 7);
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
  EXPECT_EQ(run({"sh", "-c", "kill -9 $$"}).status, 128 + SIGKILL);
  EXPECT_THROW(run({"/nonexistent"}), std::system_error);
}

TEST(Process, GetsInputEnvironmentAndFolder) {
  ProcessOptions options;
  options.cwd = "/";
  options.environment = {{"PTYD_TEST", "value"}, {"HOME", std::nullopt}};
  const auto result =
      run({"sh", "-c", "cat; pwd; echo $PTYD_TEST ${HOME-none}"}, options, "typed\n");
  EXPECT_EQ(result.out, "typed\n/\nvalue none\n") << result;
}

TEST(Process, TakesMoreOutputThanAPipeHolds) {
  const auto result = run({"head", "-c", "1000000", "/dev/zero"});
  EXPECT_EQ(result.out.size(), 1'000'000U);
}

TEST(Process, InheritsNoDescriptor) {
  const TempDir dir;
  const NotifySocket socket(dir / "notify");
  // 0, 1, 2 and the one ls itself opens.
  EXPECT_EQ(run({"sh", "-c", "ls /proc/self/fd | wc -l"}).out, "4\n");
}

TEST(Process, IsKilledByItsDestructor) {
  pid_t pid = 0;
  {
    Process process({"sleep", "1000"});
    pid = process.child().pid();
    EXPECT_FALSE(process.wait_exit(kMoment));
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(Terminal, ShowsWhatAPersonWouldSee) {
  Terminal terminal({"bash", "--norc", "--noprofile"}, {.environment = {{"PS1", "$ "}}});
  ASSERT_TRUE(terminal.wait_for_text("$"));
  terminal.type("echo a$((1+1))b\r");
  ASSERT_TRUE(terminal.wait_for_text("a2b"));
  EXPECT_EQ(terminal.screen_line(0), "$ echo a$((1+1))b");
  terminal.resize(30, 100);
  terminal.type("stty size\r");
  ASSERT_TRUE(terminal.wait_for_text("30 100"));
  terminal.type("exit 3\r");
  EXPECT_EQ(terminal.wait_exit(), (ExitResult{EndKind::kExited, 3}));
}

TEST(Terminal, RunsFullScreenPrograms) {
  const TempDir dir;
  write_file(dir / "file", "first line\nsecond line\n");
  Terminal terminal({"vim", "-u", "NONE", "-i", "NONE", "-n", dir / "file"});
  ASSERT_TRUE(terminal.wait_for_text("second line"));
  EXPECT_TRUE(terminal.alternate_screen());
  terminal.type("j$");
  ASSERT_TRUE(terminal.wait_until(
      [](const Screen& screen) { return screen.cursor().row == 1 && screen.cursor().column == 10; },
      "cursor at the end of the second line"));
  terminal.type("\x1b:wq\r");
  EXPECT_EQ(terminal.wait_exit(), (ExitResult{EndKind::kExited, 0}));
}

TEST(Terminal, KeepsTheModesThatAHeldProgramLeftBehind) {
  Terminal terminal(held({"stty", "-echo", "-icanon"}));
  ASSERT_TRUE(terminal.wait_for_text("[status 0]"));
  EXPECT_EQ(terminal.termios().c_lflag & (ECHO | ICANON), 0U);
}

TEST(NotifySocket, KeepsLinesInOrder) {
  const TempDir dir;
  const NotifySocket socket(dir / "notify");
  ProcessOptions options;
  options.environment = {{"NOTIFY_SOCKET", socket.path()}};
  EXPECT_EQ(run({"systemd-notify", "--ready", "--status=fine"}, options).status, 0);
  ASSERT_TRUE(socket.wait_for("STATUS=fine"));
  EXPECT_TRUE(socket.has("READY=1"));
  EXPECT_FALSE(socket.wait_for("STOPPING=1", kMoment));
}

TEST(MessageBus, ServesAndComesBack) {
  MessageBus bus;
  EXPECT_EQ(bus.busctl({"list"}).status, 0);
  bus.stop();
  EXPECT_NE(bus.busctl({"list"}).status, 0);
  bus.start();
  EXPECT_EQ(bus.busctl({"list"}).status, 0);
}

TEST(MessageBus, IsStrictWithPolicyFiles) {
  const TempDir dir;
  write_file(dir / "policy.conf",
             "<busconfig><policy context=\"default\">"
             "<allow own=\"org.example.Allowed\"/></policy></busconfig>");
  const MessageBus bus({dir / "policy.conf"});
  const auto request = [&](const std::string& name) {
    return bus.busctl({"call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName",
                       "su", name, "0"});
  };
  EXPECT_EQ(request("org.example.Allowed").status, 0);
  EXPECT_NE(request("org.example.Other").status, 0);
}

TEST(Leftovers, AreEndedWithTheirDescendants) {
  const TempDir dir;
  const std::string mark = dir / "mark";
  // As a session host does, the leader collects its orphans (by waiting, here, they do not leave).
  Process leader({"sh", "-c", "sleep 1001 & echo $!; wait", "sh", mark});
  ASSERT_TRUE(leader.out().wait_for("\n"));
  const auto sleeper = static_cast<pid_t>(std::stol(leader.out().text()));
  EXPECT_TRUE(find_processes("ptyd-session", mark).empty());
  // Between its fork and its exec the sleeper is a sh with the same arguments, too.
  ASSERT_TRUE(eventually(
      [&] { return read_file("/proc/" + std::to_string(sleeper) + "/comm") == "sleep\n"; }));
  EXPECT_EQ(find_processes("/bin/sh", mark), std::vector<pid_t>{leader.child().pid()});
  EXPECT_EQ(end_leftovers("sh", mark), 1U);
  EXPECT_TRUE(leader.wait_exit());
  EXPECT_EQ(read_file("/proc/" + std::to_string(sleeper) + "/cmdline"), "");
}

}  // namespace
}  // namespace ptyd::test
