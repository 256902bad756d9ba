// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/terminal/modes.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

#include "common/wire.hpp"
#include "tests/support/screen.hpp"

namespace ptyd::test {
namespace {

constexpr char kPlain[] = "\x1b(B\x1b[m\x1b[?25h";

TerminalModes after(std::string_view output) {
  TerminalModes modes;
  modes.feed(as_bytes(output));
  return modes;
}

TEST(TerminalModes, AFreshTerminalNeedsNothing) {
  EXPECT_EQ(after("").restore(), "");
  EXPECT_EQ(after("plain text\r\n\x1b[31mred\x1b[0m\x1b]0;title\a").restore(), "");
  EXPECT_EQ(after("").undo(), kPlain);
}

TEST(TerminalModes, FollowsPrivateModes) {
  const auto modes = after("\x1b[?1h\x1b[?25l\x1b[?2004h\x1b[?1002;1006h\x1b=");
  EXPECT_EQ(modes.restore(), "\x1b[?1h\x1b[?25l\x1b[?1002h\x1b[?1006h\x1b[?2004h\x1b=");
  EXPECT_EQ(modes.undo(),
            std::string("\x1b[?1l\x1b[?25h\x1b[?1002l\x1b[?1006l\x1b[?2004l\x1b>") + kPlain);
  EXPECT_EQ(after("\x1b[?7l").restore(), "\x1b[?7l");
  EXPECT_EQ(after("\x1b[?7l\x1b[?7h\x1b[?2004h\x1b[?2004l\x1b=\x1b>").restore(), "");
}

TEST(TerminalModes, TheAlternateScreenIsEnteredAndLeftByTheSameMode) {
  for (const std::string mode : {"47", "1047", "1049"}) {
    const auto modes = after("\x1b[?" + mode + "h");
    EXPECT_TRUE(modes.alternate_screen());
    EXPECT_EQ(modes.restore(), "\x1b[?" + mode + "h\x1b[2J\x1b[H");
    EXPECT_EQ(modes.undo(), "\x1b[?" + mode + "l" + kPlain);
  }
  EXPECT_FALSE(after("\x1b[?1049h\x1b[?1049l").alternate_screen());
}

TEST(TerminalModes, KnowsWhereTheAlternateScreenWas) {
  const auto modes = after("abc\x1b[?1049hdrawn\x1b[?1049lprompt");
  EXPECT_EQ(modes.alternate_entered_at(), 11U);
  EXPECT_EQ(modes.alternate_left_at(), 24U);
}

TEST(TerminalModes, Resets) {
  const std::string all = "\x1b[?1;25;1000;2004h\x1b[?7l\x1b=\x1b[?1049h\x1b[5 q\x1b[>1u\x1b[>4;2m";
  EXPECT_EQ(after(all + "\033c").restore(), "");
  EXPECT_FALSE(after(all + "\033c").alternate_screen());
  // A soft reset leaves the screen, the mouse and paste as they are.
  EXPECT_EQ(after("\x1b[?1;1000;2004h\x1b[?7l\x1b=\x1b[!p").restore(), "\x1b[?1000h\x1b[?2004h");
}

TEST(TerminalModes, FollowsKeyboardProtocols) {
  EXPECT_EQ(after("\x1b[>1u").restore(), "\x1b[>1u");
  EXPECT_EQ(after("\x1b[>1u\x1b[>5u").undo(), std::string("\x1b[<2u") + kPlain);
  EXPECT_EQ(after("\x1b[>1u\x1b[<u").undo(), kPlain);
  EXPECT_EQ(after("\x1b[=5u").restore(), "\x1b[=5u");
  EXPECT_EQ(after("\x1b[=5u").undo(), std::string("\x1b[=0u") + kPlain);
  EXPECT_EQ(after("\x1b[=5u\x1b[=4;3u").restore(), "\x1b[=1u");
  EXPECT_EQ(after("\x1b[>4;2m").restore(), "\x1b[>4;2m");
  EXPECT_EQ(after("\x1b[>4;2m\x1b[>4m").restore(), "");
  // Each screen has its own.
  EXPECT_EQ(after("\x1b[>1u\x1b[?1049h\x1b[>3u").restore(),
            "\x1b[>1u\x1b[?1049h\x1b[2J\x1b[H\x1b[>3u");
  EXPECT_EQ(after("\x1b[>1u\x1b[?1049h\x1b[>3u").undo(),
            std::string("\x1b[<1u\x1b[?1049l\x1b[<1u") + kPlain);
  std::string many;
  for (int i = 0; i < 100; ++i) many += "\x1b[>1u";
  EXPECT_EQ(after(many).undo(), std::string("\x1b[<8u") + kPlain);
}

TEST(TerminalModes, IgnoresWhatIsNoModeSequence) {
  for (const std::string_view text :
       {"[?1049h", "\x1b[1049h", "\x1b[>1049h", "\x1b[?1049$p", "\x1b[?1049\x18h", "\x1b(?1049h",
        "\x1b[?10\x80"
        "49h",
        "\x1b[??1049h", "\x1b]0;[?1049h\a", "\x1b[?104900000000000000049h"})
    EXPECT_EQ(after(text).restore(), "") << text;
}

TEST(TerminalModes, ControlCharactersAndNewSequencesInsideASequence) {
  EXPECT_TRUE(after("\x1b[?10\r\n49h").alternate_screen());
  EXPECT_TRUE(after("\x1b[?1\x1b[?1049h").alternate_screen());
  EXPECT_TRUE(after("\x1b\x1b[?1049h").alternate_screen());
}

TEST(TerminalModes, MoreParametersThanKept) {
  std::string text = "\x1b[?";
  for (int i = 0; i < 1000; ++i) text += "3;";
  EXPECT_EQ(after(text + "1049h").restore(), "");
}

TEST(TerminalModes, CutAnywhere) {
  const std::string text = "x\x1b[?1049h\x1b[?1;2004hyz\x1b=\x1b[>1u\x1b[2 q\x1b[31m\x1b[?25lend";
  const auto whole = after(text);
  for (std::size_t i = 0; i <= text.size(); ++i) {
    auto modes = after(std::string_view(text).substr(0, i));
    modes.feed(as_bytes(std::string_view(text).substr(i)));
    EXPECT_EQ(modes.restore(), whole.restore()) << i;
    EXPECT_EQ(modes.alternate_entered_at(), whole.alternate_entered_at()) << i;
  }
}

// Its own restore() must put a follower of the new terminal into the same state.
TEST(TerminalModes, RestoreIsAFixedPoint) {
  std::mt19937 random(1);
  constexpr std::string_view kAlphabet = "\x1b\x1b\x1b[[[?>?=?<!p hlu m;0124579cq\n\x18";
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (int i = 0; i < 40; ++i) text += kAlphabet[random() % kAlphabet.size()];
    const auto modes = after(text);
    ASSERT_EQ(after(modes.restore()).restore(), modes.restore());
    ASSERT_EQ(after(modes.restore() + modes.undo()).restore(), "");
  }
}

TEST(TerminalModes, ARealTerminalFollows) {
  const auto modes = after("\x1b[?1049h\x1b[?25l");
  Screen screen(24, 80, {});
  screen.feed("shell$ ");
  screen.feed(modes.restore());
  EXPECT_TRUE(screen.alternate());
  EXPECT_FALSE(screen.cursor().visible);
  screen.feed("drawn");
  screen.feed(modes.undo());
  EXPECT_FALSE(screen.alternate());
  EXPECT_TRUE(screen.cursor().visible);
  EXPECT_EQ(screen.line(0), "shell$");
}

}  // namespace
}  // namespace ptyd::test
