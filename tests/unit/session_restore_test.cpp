// SPDX-License-Identifier: LGPL-2.1-or-later
// What the session host shows a viewer of the past: the screen as it is, the replay, or the rest.
#include <gtest/gtest.h>

#include <string>

#include "common/scrollback/layout.hpp"
#include "common/terminal/screen.hpp"
#include "tests/unit/session_driver.hpp"

namespace ptyd::test {
namespace {

TEST(SessionRestore, TheReplayBeginsWithAWholeLine) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash("seq 100000 150000; read x"));
  auto first = daemon.attach();
  ASSERT_TRUE(first->wait_text("150000\r\n"));
  auto second = daemon.attach();
  ASSERT_TRUE(second->wait_text("150000\r\n"));
  EXPECT_EQ(second->position, first->position);
  EXPECT_LE(second->output.size(), 64U * 1024);
  EXPECT_GT(second->output.size(), 63U * 1024);
  EXPECT_EQ(second->attached->position + second->output.size(), second->position);
  const auto first_line = second->output.substr(0, second->output.find("\r\n"));
  EXPECT_EQ(first_line.size(), 6U) << first_line;
  EXPECT_EQ(second->restore, "");
}

// What a terminal of the session's size shows that has got `bytes`.
ptyd::Screen terminal_after(std::string_view bytes, TerminalSize size = {24, 80}) {
  ptyd::Screen screen(size);
  screen.feed(as_bytes(bytes));
  return screen;
}

// Once all of it has come.
bool shows(TestViewer& viewer, const ptyd::Screen& expected) {
  return viewer.read_until(
      [&] { return expected.difference(terminal_after(viewer.shown)).empty(); });
}

PassClient of_size(std::uint16_t rows, std::uint16_t columns) {
  PassClient client;
  client.rows = rows;
  client.columns = columns;
  return client;
}

TEST(SessionRestore, AScreenIsShownAsItIs) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash(gated(
      "printf '\\033[?2004h\\033]2;title\\a'; seq 1 3000; printf "
      "'\\033[1;31mred\\033[44m\\033[?1049h\\033[5;10Hfirst'; read x; printf '\\033[?1049lsecond'; "
      "read x")));
  auto first = daemon.attach(of_size(24, 80));
  first->type("\n");
  ASSERT_TRUE(first->wait_text("first"));
  auto second = daemon.attach(of_size(24, 80));
  EXPECT_TRUE(shows(*second, terminal_after(first->shown)));
  EXPECT_EQ(second->output, "");
  EXPECT_EQ(second->attached->position, first->position);
  EXPECT_NE(second->restore.find("2500\r\n"), std::string::npos);  // for its history
  second->type("\n");
  ASSERT_TRUE(second->wait_text("second"));
  ASSERT_TRUE(first->wait_text("second"));
  EXPECT_EQ(terminal_after(first->shown).difference(terminal_after(second->shown)), "");
  EXPECT_EQ(daemon.request(HostTerminate{})->error, 0U);
}

TEST(SessionRestore, AfterAFloodLongerThanTheScrollbackTheScreenIsExact) {
  SessionDriver daemon;
  auto spec = SessionDriver::spec_for(
      {"/bin/bash", "-c",
       gated("printf 'head\\033[?2004h\\033]2;title\\a\\033[3;20r\\033[31m\\033(0\\033[20H'; seq 1 "
             "500000; "
             "printf done; read x")});
  spec.scrollback = kMinScrollback;
  ASSERT_TRUE(daemon.start(spec));
  auto first = daemon.attach();
  ASSERT_TRUE(first->wait_text("ready\r\n"));
  first->type("\n");
  ASSERT_TRUE(first->wait_text("500000\r\ndone"));
  ASSERT_GT(first->position, 20 * kMinScrollback);
  const auto expected =
      terminal_after("ready\r\nhead\x1b[?2004h\x1b]2;title\a\x1b[3;20r\x1b[31m\x1b(0\x1b[20H" +
                     expected_seq(500'000) + "done");
  auto second = daemon.attach(of_size(24, 80));
  EXPECT_TRUE(shows(*second, expected)) << terminal_after(second->shown).draw_lines(true);
}

// One that shows a terminal what it missed was left with the middle of some other screen.
TEST(SessionRestore, ATerminalThatWasTooSlowIsDrawnAnew) {
  SessionDriver daemon;
  auto spec =
      SessionDriver::spec_for({"/bin/bash", "-c", gated("seq 1 500000; printf done; read x")});
  spec.scrollback = kMinScrollback;
  ASSERT_TRUE(daemon.start(spec));
  auto fast = daemon.attach(of_size(24, 80));
  auto slow = daemon.attach(of_size(24, 80));
  ASSERT_TRUE(fast->wait_text("ready\r\n") || fast->restore.find("ready") != std::string::npos);
  fast->type("\n");
  ASSERT_TRUE(fast->wait_text("500000\r\ndone"));
  ASSERT_TRUE(slow->read_until([&] { return slow->position >= fast->position; }));
  ASSERT_GT(slow->gaps, 0);
  const auto expected = terminal_after("ready\r\n" + expected_seq(500'000) + "done");
  EXPECT_TRUE(shows(*slow, expected)) << terminal_after(slow->shown).draw_lines(true);
}

TEST(SessionRestore, ATerminalOfAnotherSizeIsShownTheScreenInItsSizeThenTheProgramIsTold) {
  SessionDriver daemon;
  ASSERT_TRUE(
      daemon.start_bash("trap 'stty size' WINCH; seq 1 30; while :; do read -t 0.05 x; done"));
  auto first = daemon.attach();
  ASSERT_TRUE(first->wait_text("30\r\n"));
  auto second = daemon.attach(of_size(10, 20));
  EXPECT_TRUE(second->wait_text("10 20"));
  EXPECT_EQ(terminal_after(second->shown, {10, 20}).draw_lines(false),
            "23\n24\n25\n26\n27\n28\n29\n30\n10 20\n");
  EXPECT_EQ(daemon.request(HostTerminate{})->error, 0U);
}

TEST(SessionRestore, AFullScreenProgramIsRestoredAndDrawsAnew) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash(
      gated("trap changed=1 WINCH; changed=; seq 1 20000; printf "
            "'\\033[?1049h\\033[?2004hfirst\\n'; while :; do "
            "read -t 0.05 x; [ $changed ] && changed= && echo drawn $(stty size); done")));
  auto first = daemon.attach();
  first->type("\n");
  ASSERT_TRUE(first->wait_text("first"));
  auto client = of_size(24, 80);
  client.restore = Restore::kNone;
  auto second = daemon.attach(client);  // of the size that it has
  EXPECT_TRUE(second->wait_text("drawn 24 80"));
  EXPECT_EQ(second->restore, "\x1b[?1049h\x1b[2J\x1b[H\x1b[?2004h");
  EXPECT_EQ(second->output.find("first"), std::string::npos);
  client.rows = 25;
  auto third = daemon.attach(client);
  EXPECT_TRUE(third->wait_text("drawn 25 80"));
  EXPECT_EQ(daemon.request(HostTerminate{})->error, 0U);
}

TEST(SessionRestore, OneThatComesBackGoesOnAtTheExactByte) {
  SessionDriver daemon;
  auto spec = SessionDriver::spec_for(
      {"/bin/bash", "-c",
       gated("echo one; read x; echo two; read x; seq 1 200000; echo end; read x")});
  spec.scrollback = 64 * 1024;
  ASSERT_TRUE(daemon.start(spec));
  auto client = of_size(24, 80);
  auto first = daemon.attach(client);
  ASSERT_TRUE(first->wait_text("ready"));
  first->type("\n");
  ASSERT_TRUE(first->wait_text("one\r\n"));
  EXPECT_EQ(first->attached->resumed, 0);
  client.resumes = 1;
  client.position = first->position;
  first->type("\n");
  ASSERT_TRUE(first->wait_text("two\r\n"));

  auto second = daemon.attach(client);
  ASSERT_TRUE(second->wait_text("two\r\n"));
  EXPECT_EQ(second->attached->resumed, 1);
  EXPECT_EQ(second->attached->position, client.position);
  EXPECT_EQ(second->restore, "");
  EXPECT_EQ(second->output, "two\r\n");

  // At another size its terminal would not show what the program now draws.
  client.rows = 25;
  auto resized = daemon.attach(client);
  ASSERT_TRUE(resized->read_until([&] { return resized->attached && !resized->restore.empty(); }));
  EXPECT_EQ(resized->attached->resumed, 0);

  // What has not been printed yet nobody can have.
  client.position = ~std::uint64_t{0};
  auto liar = daemon.attach(client);
  ASSERT_TRUE(liar->read_until([&] { return liar->attached && !liar->restore.empty(); }));
  EXPECT_EQ(liar->attached->resumed, 0);

  // And what has left the scrollback is no longer there.
  client.position = second->position;
  second->type("\n");
  ASSERT_TRUE(second->wait_text("end\r\n"));
  auto late = daemon.attach(client);
  ASSERT_TRUE(late->read_until([&] { return late->attached && !late->restore.empty(); }));
  EXPECT_EQ(late->attached->resumed, 0);
  EXPECT_EQ(daemon.request(HostTerminate{})->error, 0U);
}

// What a program showed before its first viewer came must not be lost to a redraw: vim's message
// about the file it opened was, when `ptyctl new` attached a moment later.
TEST(SessionRestore, AllOfAShortSessionIsShownAsItIs) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash(gated(
      "trap 'echo drawn' WINCH; printf '\\033[?1049hfirst\\n'; while :; do read -t 0.05 x && echo "
      "got $x; done")));
  auto first = daemon.attach();
  first->type("\n");
  ASSERT_TRUE(first->wait_text("first"));
  auto client = of_size(24, 80);
  client.restore = Restore::kTail;
  auto second = daemon.attach(client);
  ASSERT_TRUE(second->wait_text("first"));
  EXPECT_EQ(second->restore, "");
  EXPECT_EQ(second->attached->position, 0U);
  second->type("marker\n");
  ASSERT_TRUE(second->wait_text("got marker"));
  EXPECT_EQ(second->output.find("drawn"), std::string::npos);
  EXPECT_EQ(daemon.request(HostTerminate{})->error, 0U);
}

TEST(SessionRestore, TheReplayIsNotTheMiddleOfAScreenThatWasLeft) {
  SessionDriver daemon;
  ASSERT_TRUE(
      daemon.start_bash("printf '\\033[?1049h'; seq 1 20000; printf '\\033[?1049lprompt'; "
                        "read x"));
  auto first = daemon.attach();
  ASSERT_TRUE(first->wait_text("prompt"));
  auto second = daemon.attach();
  ASSERT_TRUE(second->wait_text("prompt"));
  EXPECT_EQ(second->output, "prompt");
}

}  // namespace
}  // namespace ptyd::test
