// SPDX-License-Identifier: LGPL-2.1-or-later
// Real programs on a real terminal, through ptyctl, as a person uses them.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

constexpr char kDetachKeys[] = "\x1d\x1d\x1d";  // ^] three times

// A shell session with a plain prompt, attached on a terminal that a shell holds, so that what
// ptyctl leaves behind can be looked at.
std::unique_ptr<Terminal> open_shell(const Daemon& daemon, const std::string& name) {
  auto terminal = std::make_unique<Terminal>(held(daemon.ptyctl_command(
      {"new", name, "--env", "PS1=ready> ", "--", "bash", "--norc", "--noprofile", "-i"})));
  EXPECT_TRUE(terminal->wait_for_text("ready>"));
  return terminal;
}

std::unique_ptr<Terminal> attach(const Daemon& daemon, const std::string& name,
                                 std::vector<std::string> options = {}) {
  Arguments arguments{"attach", name};
  arguments.insert(arguments.end(), options.begin(), options.end());
  return std::make_unique<Terminal>(held(daemon.ptyctl_command(arguments)));
}

// Whether the session's own terminal comes to have this size.
bool size_becomes(ProtocolClient& client, const std::string& session, int rows, int columns) {
  return eventually([&] {
    const auto status = client.request("status", {{"session", session}}).result;
    return status.value("rows", 0) == rows && status.value("columns", 0) == columns;
  });
}

void detach(Terminal& terminal) {
  ASSERT_TRUE(terminal.type(kDetachKeys));
  ASSERT_TRUE(terminal.wait_for_text("[status 0]"));
}

TEST(Programs, BashHasJobControl) {
  Daemon daemon;
  const auto terminal = open_shell(daemon, "shell");
  ASSERT_TRUE(terminal->type("sleep 1000\r"));
  ASSERT_TRUE(terminal->wait_for_text("sleep 1000"));
  // The sleep must be in the foreground before a key can stop it.
  auto client = daemon.connect();
  const auto shell = client.request("status", {{"session", "shell"}}).result.value("pid", 0);
  ASSERT_TRUE(eventually([&] {
    const auto foreground = run({"ps", "-o", "tpgid=", "-p", std::to_string(shell)}).out;
    return std::stoi(foreground) != shell;
  }));
  ASSERT_TRUE(terminal->type("\x1a"));  // ^Z
  ASSERT_TRUE(terminal->wait_for_text("Stopped"));
  ASSERT_TRUE(terminal->type("jobs; fg\r"));
  ASSERT_TRUE(terminal->wait_for_text("fg\n"));
  ASSERT_TRUE(eventually([&] {
    const auto foreground = run({"ps", "-o", "tpgid=", "-p", std::to_string(shell)}).out;
    return std::stoi(foreground) != shell;
  }));
  ASSERT_TRUE(terminal->type("\x03"));  // ^C
  ASSERT_TRUE(terminal->type("echo status $?\r"));
  ASSERT_TRUE(terminal->wait_for_text("status 130"));
  ASSERT_TRUE(terminal->type("echo $PTYD_SESSION; tty; stty size\r"));
  ASSERT_TRUE(terminal->wait_for_text("/dev/pts/"));
  ASSERT_TRUE(terminal->wait_for_text("24 80"));
  terminal->resize(30, 100);
  // Keys do not wait for the signal that says so to ptyctl: they may be there first.
  ASSERT_TRUE(size_becomes(client, "shell", 30, 100));
  ASSERT_TRUE(terminal->type("stty size\r"));
  ASSERT_TRUE(terminal->wait_for_text("30 100"));
  ASSERT_TRUE(terminal->type("exit 7\r"));
  ASSERT_TRUE(terminal->wait_for_text("[status 7]"));
}

TEST(Programs, DetachedAndAttachedAgainTheTerminalIsAsBefore) {
  Daemon daemon;
  auto terminal = std::make_unique<Terminal>(Arguments{"bash", "--norc", "--noprofile", "-i"},
                                             TerminalOptions{.environment = {{"PS1", "outer> "}}});
  ASSERT_TRUE(terminal->wait_for_text("outer>"));
  const auto before = terminal->termios();
  std::string command;
  for (const auto& word : daemon.ptyctl_command(
           {"new", "shell", "--env", "PS1=inner>", "--", "bash", "--norc", "--noprofile", "-i"}))
    command += "'" + word + "' ";
  ASSERT_TRUE(terminal->type(command + "; stty -a > " + (daemon.folder() / "after") + "\r"));
  ASSERT_TRUE(terminal->wait_for_text("inner>"));
  ASSERT_TRUE(terminal->type("echo mar''ker\r"));
  ASSERT_TRUE(terminal->wait_for_text("marker"));
  ASSERT_TRUE(terminal->type(kDetachKeys));
  ASSERT_TRUE(terminal->wait_for_text("detached from shell"));
  ASSERT_TRUE(eventually([&] { return !read_file(daemon.folder() / "after").empty(); }));
  const auto modes = read_file(daemon.folder() / "after");
  EXPECT_NE(modes.find(" icanon"), std::string::npos) << modes;
  EXPECT_NE(modes.find(" echo "), std::string::npos) << modes;
  EXPECT_EQ(terminal->termios().c_oflag, before.c_oflag);
  const auto again = attach(daemon, "shell");
  EXPECT_TRUE(again->wait_for_text("marker")) << "the end of the scrollback is shown";
  ASSERT_TRUE(again->type("echo alive$((1+1))\r"));
  EXPECT_TRUE(again->wait_for_text("alive2"));
}

// A screenshot before a detach, and one after the next attach, on a terminal that showed other
// things.
TEST(Programs, AttachedAgainTheScreenIsAsItWas) {
  Daemon daemon;
  const auto file = daemon.folder() / "text";
  std::string text;
  for (int i = 0; i < 100; ++i) text += "line " + std::to_string(i) + ": \u00e4\u6f22 words\n";
  write_file(file, text);
  struct Case {
    Arguments command;
    const char* ready;
    const char* keys;
    const char* done;
  };
  for (const auto& [command, ready, keys, done] :
       {Case{{"vim", "-u", "NONE", "-N", "-i", "NONE", "-n", file},
             "line 0",
             ":set number hlsearch\r:split\r/line 42\r",
             "line 42"},
        Case{{"less", file}, "line 0", "   ", "line 70"},
        Case{{"bash", "--norc", "--noprofile", "-i"},
             "bash-",
             "seq 5 55; printf '\\e[1;35mred'\r",
             "55"}}) {
    const auto name = command.front();
    Arguments create{"new", name, "--"};
    create.insert(create.end(), command.begin(), command.end());
    Terminal first(held(daemon.ptyctl_command(create)));
    ASSERT_TRUE(first.wait_for_text(ready));
    ASSERT_TRUE(first.type(keys));
    ASSERT_TRUE(first.wait_for_text(done));
    ASSERT_TRUE(eventually([&] {
      return daemon.ptyctl({"capture", name, "--screen"}).out == first.screen_text();
    })) << first.screen_text();
    const auto before = first.screen_text();
    const auto cursor = first.cursor();
    detach(first);
    const auto again = attach(daemon, name);
    EXPECT_TRUE(again->wait_until(
        [&](const Screen& screen) {
          return screen.text() == before && screen.cursor().row == cursor.row &&
                 screen.cursor().column == cursor.column;
        },
        "the screen of before:\n" + before));
    detach(*again);
  }
}

TEST(Programs, VimSurvivesADetachAndWritesItsFile) {
  Daemon daemon;
  const auto file = daemon.folder() / "text";
  auto terminal = std::make_unique<Terminal>(held(daemon.ptyctl_command(
      {"new", "edit", "--", "vim", "-u", "NONE", "-N", "-i", "NONE", "-n", file})));
  ASSERT_TRUE(terminal->wait_for_text("[New"));
  EXPECT_TRUE(terminal->alternate_screen());
  ASSERT_TRUE(terminal->type("ifirst line\rsecond line\x1b"));
  ASSERT_TRUE(terminal->wait_for_text("second line"));
  detach(*terminal);
  EXPECT_FALSE(terminal->alternate_screen());
  // On a terminal of the same size, and then of another.
  for (const auto& [rows, columns] : {std::pair{24, 80}, std::pair{40, 120}}) {
    Terminal again(held(daemon.ptyctl_command({"attach", "edit"})),
                   TerminalOptions{.rows = rows, .columns = columns});
    EXPECT_TRUE(again.wait_for_text("first line"));
    EXPECT_TRUE(again.wait_for_text("second line"));
    EXPECT_TRUE(again.alternate_screen());
    detach(again);
  }
  const auto last = attach(daemon, "edit");
  ASSERT_TRUE(last->wait_for_text("second line"));
  ASSERT_TRUE(last->type(":wq\r"));
  ASSERT_TRUE(last->wait_for_text("[status 0]"));
  EXPECT_EQ(read_file(file), "first line\nsecond line\n");
}

TEST(Programs, LessPagesAndDrawsAnewForASecondViewer) {
  Daemon daemon;
  const auto terminal = std::make_unique<Terminal>(held(
      daemon.ptyctl_command({"new", "page", "--", "bash", "-c", "seq 1 1000 | LESS= less -X -M"})));
  ASSERT_TRUE(terminal->wait_for_text("22\n"));
  ASSERT_TRUE(terminal->type("G"));
  ASSERT_TRUE(terminal->wait_for_text("1000"));
  const auto second = attach(daemon, "page", {"--read-only"});
  EXPECT_TRUE(second->wait_for_text("1000"));
  ASSERT_TRUE(second->type("q"));
  ASSERT_TRUE(terminal->type("g"));
  EXPECT_TRUE(second->wait_for_text("5\n"));
  ASSERT_TRUE(terminal->type("q"));
  EXPECT_TRUE(terminal->wait_for_text("[status 0]"));
  EXPECT_TRUE(second->wait_for_text("[status 0]"));
}

TEST(Programs, TopFollowsTheWindow) {
  Daemon daemon;
  const auto terminal = std::make_unique<Terminal>(
      held(daemon.ptyctl_command({"new", "watch", "--", "top", "-d", "1"})));
  ASSERT_TRUE(terminal->wait_for_text("PID USER"));
  terminal->resize(12, 60);
  auto client = daemon.connect();
  EXPECT_TRUE(size_becomes(client, "watch", 12, 60));
  EXPECT_TRUE(terminal->wait_until(
      [](const Screen& screen) { return screen.text().find("PID USER") != std::string::npos; },
      "top at the new size"));
  ASSERT_TRUE(terminal->type("q"));
  EXPECT_TRUE(terminal->wait_for_text("[status 0]"));
}

// The window follows whoever was active last.
TEST(Programs, TheWindowFollowsTheActiveViewer) {
  Daemon daemon;
  auto client = daemon.connect();
  create_shell(client, "shell");
  const auto size_is = [&](int rows, int columns) {
    return size_becomes(client, "shell", rows, columns);
  };
  Terminal small(held(daemon.ptyctl_command({"attach", "shell"})),
                 TerminalOptions{.rows = 10, .columns = 40});
  ASSERT_TRUE(small.wait_for_text("ready>"));
  EXPECT_TRUE(size_is(10, 40));
  Terminal large(held(daemon.ptyctl_command({"attach", "shell"})),
                 TerminalOptions{.rows = 50, .columns = 132});
  ASSERT_TRUE(large.wait_for_text("ready>"));
  EXPECT_TRUE(size_is(50, 132));
  ASSERT_TRUE(small.type("\r"));
  EXPECT_TRUE(size_is(10, 40));
  Terminal watcher(held(daemon.ptyctl_command({"attach", "shell", "--read-only"})),
                   TerminalOptions{.rows = 5, .columns = 20});
  ASSERT_TRUE(watcher.wait_for_text("ready>"));
  ASSERT_TRUE(watcher.type("echo no\r"));
  ASSERT_TRUE(large.type("echo yes\r"));
  EXPECT_TRUE(large.wait_for_text("yes"));
  EXPECT_TRUE(size_is(50, 132));
  EXPECT_EQ(captured(client, "shell").find("echo no"), std::string::npos);
}

TEST(Programs, StealTakesTheSessionFromTheOthers) {
  Daemon daemon;
  const auto first = open_shell(daemon, "shell");
  const auto second = attach(daemon, "shell", {"--steal"});
  EXPECT_TRUE(first->wait_for_text("[status "));
  ASSERT_TRUE(second->type("echo mi''ne\r"));
  EXPECT_TRUE(second->wait_for_text("mine"));
}

// Every one of a hundred million bytes, in order.
TEST(Programs, AHundredMegabytesArriveInOrder) {
  constexpr int kLast = 12'500'000;
  Daemon daemon;
  auto client = daemon.connect();
  create(client, "flood",
         {"bash", "-c", "stty -opost; read; seq -f %07.0f 1 " + std::to_string(kLast)});
  auto viewer = daemon.connect();
  ASSERT_TRUE(viewer.attach("flood"));
  ASSERT_TRUE(viewer.input("\n"));
  // Checked piece by piece: what is read is compared with what must come next.
  std::uint64_t next = 1;
  std::uint64_t bytes = 0;
  std::string rest;
  bool begun = false;
  bool in_order = true;
  const auto check = [&](std::string_view piece) {
    bytes += piece.size();
    rest.append(piece);
    std::size_t at = 0;
    if (!begun) {
      at = rest.find("0000001\n");
      if (at == std::string::npos) return;
      begun = true;
    }
    for (; at + 9 <= rest.size() || (at + 8 <= rest.size() && next < 10'000'000);) {
      const auto end = rest.find('\n', at);
      if (end == std::string::npos) break;
      std::uint64_t number = 0;
      for (auto i = at; i < end; ++i)
        number = number * 10 + static_cast<std::uint64_t>(rest[i] - '0');
      in_order = in_order && number == next;
      ++next;
      at = end + 1;
    }
    rest.erase(0, at);
  };
  std::uint64_t missed = 0;
  bool ended = false;
  while (!ended && in_order) {
    const auto frame = viewer.next_frame();
    ASSERT_TRUE(frame) << "nothing came any more after " << bytes << " bytes";
    if (frame->type == FrameType::kOutput) check(as_text(frame->payload));
    if (frame->type == FrameType::kGap) missed += decode<Gap>(frame->payload)->missed;
    ended = frame->type == FrameType::kEnded;
  }
  EXPECT_TRUE(in_order) << "at line " << next;
  EXPECT_EQ(missed, 0U);
  EXPECT_EQ(next, static_cast<std::uint64_t>(kLast) + 1);
  EXPECT_GE(bytes, 100'000'000U);
  std::cout << "received " << bytes << " bytes\n";
}

TEST(Programs, BinaryOutputIsExact) {
  Daemon daemon;
  auto client = daemon.connect();
  create(client, "binary",
         {"bash", "-c",
          "stty raw -echo; echo armed; read -n 1; for i in {0..255}; do printf "
          "\"\\\\x$(printf %02x $i)\"; done; printf done"});
  ASSERT_TRUE(wait_printed(client, "binary", "armed"));
  auto viewer = daemon.connect();
  ASSERT_TRUE(viewer.attach("binary"));
  ASSERT_TRUE(viewer.input("x"));
  ASSERT_TRUE(viewer.wait_ended());
  std::string expected;
  for (int i = 0; i < 256; ++i) expected += static_cast<char>(i);
  expected += "done";
  EXPECT_TRUE(viewer.output().ends_with(expected));
}

// Characters of several bytes, printed byte by byte, reach the screen whole.
TEST(Programs, Utf8SplitAcrossReads) {
  Daemon daemon;
  const auto terminal = std::make_unique<Terminal>(held(daemon.ptyctl_command(
      {"new", "utf8", "--", "bash", "-c",
       "for b in c3 a4 e2 82 ac f0 9f 90 a7; do printf \"\\\\x$b\"; read -t 0.05; done;"
       "echo; echo end; read"})));
  ASSERT_TRUE(terminal->wait_for_text("end"));
  EXPECT_NE(terminal->screen_text().find("ä€🐧"), std::string::npos) << terminal->screen_text();
  ASSERT_TRUE(terminal->type("\r"));
  EXPECT_TRUE(terminal->wait_for_text("[status 0]"));
}

// The terminal is restored whatever happens to those on the other side.
TEST(Programs, ALostHostRestoresTheTerminal) {
  Daemon daemon;
  auto client = daemon.connect();
  const auto session = create(client, "edit", {"vim", "-u", "NONE", "-N", "-i", "NONE", "-n"});
  const auto terminal = attach(daemon, "edit");
  ASSERT_TRUE(terminal->wait_until(
      [](const Screen& s) { return s.text().find('~') != std::string::npos; }, "vim's screen"));
  EXPECT_TRUE(terminal->alternate_screen());
  ASSERT_EQ(::kill(session.value("hostPid", 0), SIGKILL), 0);
  ASSERT_TRUE(terminal->wait_for_text("[status 1]"));
  EXPECT_FALSE(terminal->alternate_screen());
  EXPECT_NE(terminal->termios().c_lflag & ICANON, 0U);
  EXPECT_NE(terminal->termios().c_lflag & ECHO, 0U);
}

TEST(Programs, AStopIsSeenAndTheTerminalRestored) {
  Daemon daemon;
  const auto terminal = open_shell(daemon, "shell");
  ASSERT_TRUE(daemon.signal(SIGTERM));
  EXPECT_TRUE(terminal->wait_for_text("Server shutting down"));
  EXPECT_TRUE(terminal->wait_for_text("[status "));
  EXPECT_NE(terminal->termios().c_lflag & ICANON, 0U);
  EXPECT_EQ(daemon.wait_exit(), (ExitResult{EndKind::kExited, 0}));
}

TEST(Programs, SigtermToPtyctlRestoresTheTerminal) {
  Daemon daemon;
  auto client = daemon.connect();
  create_shell(client, "shell");
  const auto pid_file = daemon.folder() / "pid";
  std::string command = "echo $$ > " + pid_file + "; exec";
  for (const auto& word : daemon.ptyctl_command({"attach", "shell"})) command += " '" + word + "'";
  Terminal terminal(held({"bash", "-c", command}));
  ASSERT_TRUE(terminal.wait_for_text("ready>"));
  EXPECT_EQ(terminal.termios().c_lflag & ICANON, 0U);
  ASSERT_EQ(::kill(static_cast<pid_t>(std::stol(read_file(pid_file))), SIGTERM), 0);
  ASSERT_TRUE(terminal.wait_for_text("[status 143]"));
  EXPECT_NE(terminal.termios().c_lflag & ICANON, 0U);
  EXPECT_EQ(client.request("status", {{"session", "shell"}}).result.value("state", ""), "active");
}

TEST(Programs, ADaemonThatIsKilledIsNotNoticed) {
  Daemon daemon;
  const auto terminal = open_shell(daemon, "shell");
  daemon.kill9();
  ASSERT_TRUE(terminal->type("echo still$((40+2))\r"));
  EXPECT_TRUE(terminal->wait_for_text("still42"));
  daemon.start();
  ASSERT_TRUE(terminal->type("echo again$((40+3))\r"));
  EXPECT_TRUE(terminal->wait_for_text("again43"));
  detach(*terminal);
}

}  // namespace
}  // namespace ptyd::test
