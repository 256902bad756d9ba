// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/terminal/screen.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>

#include "common/wire.hpp"
#include "tests/support/screen.hpp"

namespace ptyd::test {
namespace {

using Model = ptyd::Screen;
constexpr TerminalSize kSize{6, 20};

void feed(Model& model, std::string_view output) { model.feed(as_bytes(output)); }

Model after(std::string_view output, TerminalSize size = kSize) {
  Model model(size);
  feed(model, output);
  return model;
}

std::string shown(std::string_view output, TerminalSize size = kSize) {
  return after(output, size).draw_lines(false);
}

// ---- what output does ----

TEST(Screen, ShowsTextInLines) {
  EXPECT_EQ(shown(""), "");
  EXPECT_EQ(shown("one\r\ntwo"), "one\ntwo\n");
  EXPECT_EQ(shown("\n\nx"), "\n\nx\n");
  EXPECT_EQ(shown("abc\rX"), "Xbc\n");
  EXPECT_EQ(shown("abc\b\bX"), "aXc\n");
  EXPECT_EQ(shown("a\tb"), "a       b\n");
}

TEST(Screen, ALineThatIsFullGoesOnInTheNextWithTheNextCharacter) {
  EXPECT_EQ(shown("abcde", {3, 5}), "abcde\n");
  EXPECT_EQ(shown("abcde\r\nf", {3, 5}), "abcde\nf\n");
  EXPECT_EQ(shown("abcdef", {3, 5}), "abcde\nf\n");
  EXPECT_EQ(shown("\x1b[?7labcdef", {3, 5}), "abcdf\n");
}

TEST(Screen, ScrollsWithinItsMargins) {
  EXPECT_EQ(shown("1\r\n2\r\n3\r\n4", {3, 5}), "2\n3\n4\n");
  EXPECT_EQ(shown("1\r\n2\r\n3\x1b[2;3r\x1b[3;1H\nX", {3, 5}), "1\n3\nX\n");
  EXPECT_EQ(shown("1\r\n2\r\n3\x1b[1;2r\x1bM", {3, 5}), "\n1\n3\n");
  EXPECT_EQ(shown("1\r\n2\r\n3\x1b[1;1H\x1b[L", {3, 5}), "\n1\n2\n");
  EXPECT_EQ(shown("1\r\n2\r\n3\x1b[1;1H\x1b[2M", {3, 5}), "3\n");
}

TEST(Screen, ErasesAndMoves) {
  EXPECT_EQ(shown("abcdef\x1b[3D\x1b[K"), "abc\n");
  EXPECT_EQ(shown("abcdef\x1b[3D\x1b[1K"), "    ef\n");
  EXPECT_EQ(shown("abcdef\x1b[3D\x1b[P"), "abcef\n");
  EXPECT_EQ(shown("abcdef\x1b[3D\x1b[2@"), "abc  def\n");
  EXPECT_EQ(shown("abcdef\x1b[3D\x1b[2X"), "abc  f\n");
  EXPECT_EQ(shown("a\x1b[4b"), "aaaaa\n");
  EXPECT_EQ(shown("abc\x1b[2;3Hd\x1b[1J", {3, 5}), "");
  EXPECT_EQ(shown("abc\x1b[4habc\r12"), "12abcabc\n");
}

TEST(Screen, KnowsWideAndCombiningCharacters) {
  EXPECT_EQ(shown("漢字"), "漢字\n");
  EXPECT_EQ(shown("漢字\x1b[1;2HX"), " X字\n");      // half of one is none
  EXPECT_EQ(shown("abcd漢", {2, 5}), "abcd\n漢\n");  // nor is it cut by the edge
  EXPECT_EQ(shown("e\u0301x"), "e\u0301x\n");
  EXPECT_EQ(after("e\u0301x").text_at(0, 0), "e\u0301");
  EXPECT_EQ(shown("\u0301x"), "x\n");
  EXPECT_EQ(shown("a\xff\xe2\x82z"), "a\ufffd\ufffdz\n");
}

TEST(Screen, DrawsLinesWithTheCharactersOfTheTerminal) {
  EXPECT_EQ(shown("\x1b(0lqk\x1b(Blqk"), "┌─┐lqk\n");
  EXPECT_EQ(shown("\x1b)0a\x0eqq\x0fq"), "a──q\n");
  EXPECT_EQ(shown("\x1b(A#"), "£\n");
}

TEST(Screen, TheAlternateScreenLeavesTheMainOneAsItWas) {
  auto model = after("shell$ \x1b[?1049h\x1b[Hdrawn");
  EXPECT_EQ(model.draw_lines(false), "drawn\n");
  feed(model, "\x1b[?1049l vim");
  EXPECT_EQ(model.draw_lines(false), "shell$  vim\n");
}

TEST(Screen, TellsTheTitle) {
  EXPECT_EQ(after("\x1b]0;one\a\x1b]2;tw\u00f6\x1b\\").title(), "tw\u00f6");
  EXPECT_EQ(after("\x1b]2;a\a\x1b[22;2t\x1b]2;b\a\x1b[23;2t").title(), "a");
  EXPECT_LE(after("\x1b]2;" + std::string(900, 'x') + "\a").title().size(), 256U);
}

TEST(Screen, TellsWhichLinesLeaveAtTheTop) {
  Model model({2, 10});
  std::string lines;
  model.set_on_line([&](std::string_view line, bool wrapped) {
    lines.append(line).append(wrapped ? "\\" : "\n");
  });
  feed(model, "one\r\n0123456789ab\r\n\x1b[31mred\x1b[m\r\nend");
  EXPECT_EQ(lines, "one\n0123456789\\ab\n");
  feed(model, "\x1b[?1049h\n\n\n\n\x1b[?1049l\r\n");
  EXPECT_EQ(lines, "one\n0123456789\\ab\n\x1b[0;31mred\x1b[0m\n");
}

TEST(Screen, ALineStaysWithItsCursorWhenItBecomesSmaller) {
  auto model = after("1\r\n2\r\n3\r\n4\r\n5", {6, 20});
  model.resize({3, 10});
  EXPECT_EQ(model.draw_lines(false), "3\n4\n5\n");
  model.resize({6, 20});
  feed(model, "x");
  EXPECT_EQ(model.draw_lines(false), "3\n4\n5x\n");
}

TEST(Screen, HugeNumbersAreBounded) {
  EXPECT_EQ(shown("\x1b[65535;65535HX\x1b[99999999999A\x1b[99999DY", {3, 5}), "Y\n\n    X\n");
  const auto model = after("a\x1b[65535b\x1b[65535S\x1b[65535T\x1b[65535L\x1b[65535M\x1b[65535@");
  EXPECT_EQ(model.draw_lines(false), "");
  std::string all;
  for (int i = 0; i < 3000; ++i) all += "a\u0301\r";
  EXPECT_EQ(shown(all), "a\u0301\n");
}

// ---- that it is drawn as it is ----

// Nothing when a terminal that was drawn on is just like one that saw all.
std::string difference_when_drawn(const Model& model) {
  Model viewer(model.size());
  feed(viewer, "left over\x1b[5;3r\x1b[?6h\x1b[31;1m\x1b(0\x0e\x1b[4hx\r\n\n\n");
  feed(viewer, model.draw({}));
  return model.difference(viewer);
}

TEST(Screen, IsDrawnAsItIs) {
  for (const std::string_view output : {
           "",
           "plain",
           "\x1b[1;31mred\x1b[0m plain",
           "\x1b[38;5;200;48;2;1;2;3mx\x1b[m",
           "\x1b[4:3;58:2::9:8:7mx",
           "01234567890123456789",
           "0123456789012345678漢",
           "\x1b[41m\x1b[2J",
           "\x1b[2;4r\x1b[?6hx",
           "\x1b(0x\x1b)0\x0e",
           "\x1b[3g\x1b[5G\x1bH",
           "ab\x1b[1;31m\x1b"
           "7\x1b[m\x1b[3;3H",
           "main\x1b[?1049halt\x1b[5;5H\x1b"
           "7",
           "main\x1b[?47halt",
           "\x1b[?1;25;2004h\x1b[?25l\x1b[3 q\x1b=",
           "\x1b[4h\x1b[20h\x1b[?5h",
           "\x1b]2;title\a\x1b[22t\x1b]2;other\a",
           "a\u0301\u0302漢\u0301",
           "\x1b[31",
           "\x1b]0;half a ti",
           "\x1b]0;title\x1b",
           "\xe6\xbc",
           "\x1bP1$",
           "\x1b(",
       }) {
    EXPECT_EQ(difference_when_drawn(after(output)), "") << output;
  }
}

TEST(Screen, WhatTheViewerHadIsKeptInItsHistoryAndTheSessionsAfterIt) {
  const auto model = after("screen");
  Model viewer(kSize);
  std::string history;
  viewer.set_on_line([&](std::string_view line, bool) { history.append(line) += '\n'; });
  feed(viewer, "$ ptyctl attach\r\n");
  feed(viewer, model.draw({true, "earlier\r\n"}));
  EXPECT_EQ(model.difference(viewer), "");
  EXPECT_EQ(history.find("$ ptyctl attach\n"), 0U);
  EXPECT_NE(history.find("\nearlier\n"), std::string::npos);
}

// A stream of everything a program can print, and of what none would.
class Stream {
 public:
  explicit Stream(std::uint32_t seed) : random_(seed) {}

  std::string take(int pieces) {
    std::string out;
    while (pieces-- > 0) out += piece();
    return out;
  }
  int below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }

 private:
  template <std::size_t N>
  std::string one_of(const char* const (&all)[N]) {
    return all[below(static_cast<int>(N))];
  }
  std::string number() { return std::to_string(below(10) == 0 ? below(70000) : below(30)); }

  std::string piece() {
    switch (below(12)) {
      case 0:
      case 1:
      case 2: return text();
      case 3: return one_of({"\r\n", "\n", "\r", "\b", "\t", "\v", "\x0e", "\x0f", "\x18", "\a"});
      case 4: return "\x1b[" + number() + ";" + number() + one_of({"H", "f", "r", "H"});
      case 5:
        return "\x1b[" + number() +
               one_of({"A", "B", "C", "D", "E", "F", "G", "I", "J", "K", "L", "M",
                       "P", "S", "T", "X", "Z", "@", "`", "a", "d", "e", "g", "^"});
      case 6: return style();
      case 7: return mode();
      case 8:
        return one_of(
            {"\x1b"
             "7",
             "\x1b"
             "8",
             "\x1b"
             "D",
             "\x1b"
             "E",
             "\x1bH",
             "\x1bM",
             "\x1b=",
             "\x1b>",
             "\x1b(0",
             "\x1b(B",
             "\x1b)0",
             "\x1b*A",
             "\x1bn",
             "\x1bo",
             "\x1b[s",
             "\x1b[u",
             "\x1b[!p",
             "\x1b#8",
             "\x1b"
             "c",
             "\x1b[3g"});
      case 9:
        return one_of({"\x1b]0;a title\a", "\x1b]2;\u00fcber\x1b\\", "\x1b[22;0t", "\x1b[23;0t",
                       "\x1bP+q544e\x1b\\", "\x1b]52;c;aGk=\a", "\x1b[>1u", "\x1b[<u", "\x1b[=5;2u",
                       "\x1b[>4;2m", "\x1b[4 q", "\x1b[0c", "\x1b[6n"});
      case 10: return "x\x1b[" + number() + "b";
      default: return garbage();
    }
  }
  std::string text() {
    std::string out;
    for (int i = below(30); i >= 0; --i)
      out +=
          below(4) != 0
              ? std::string(1, static_cast<char>(' ' + below(95)))
              : one_of({"\u00e4", "\u6f22", "\u0301", "\U0001f642", "\u2500", "\u200d", "\ufe0f"});
    return out;
  }
  std::string style() {
    std::string out = "\x1b[";
    for (int i = below(4); i > 0; --i)
      out += one_of({"0;",  "1;",  "2;",   "3;",       "4;",          "4:3;",    "5;",
                     "7;",  "8;",  "9;",   "22;",      "24;",         "27;",     "31;",
                     "42;", "97;", "103;", "38;5;77;", "48;2;1;2;3;", "58:5:9;", "58:2::4:5:6;",
                     "39;", "49;", "59;",  "53;"});
    return out + std::to_string(below(60)) + "m";
  }
  std::string mode() {
    return "\x1b[" +
           (below(4) == 0 ? one_of({"4", "20"})
                          : "?" + one_of({"1", "5", "6", "7", "7", "25", "47", "1047", "1048",
                                          "1049", "1049", "1002", "2004"})) +
           one_of({"h", "l"});
  }
  std::string garbage() {
    std::string out;
    for (int i = below(6); i >= 0; --i)
      out += below(2) == 0 ? '\x1b' : static_cast<char>(below(256));
    return out;
  }

  std::mt19937 random_;
};

TEST(Screen, ManyStreamsCutAnywhereAreDrawnAsTheyAre) {
  constexpr std::uint32_t kStreams = 3000;
  for (std::uint32_t seed = 0; seed < kStreams; ++seed) {
    Stream stream(seed);
    const TerminalSize size{static_cast<std::uint16_t>(1 + stream.below(12)),
                            static_cast<std::uint16_t>(2 + stream.below(40))};
    const auto output = stream.take(60);
    const auto cut = static_cast<std::size_t>(stream.below(static_cast<int>(output.size()) + 1));
    auto all = after(output.substr(0, cut), size);
    if (stream.below(4) == 0) {
      const TerminalSize other{static_cast<std::uint16_t>(1 + stream.below(12)),
                               static_cast<std::uint16_t>(2 + stream.below(40))};
      all.resize(other);
    }
    Model joined(all.size());
    feed(joined, all.draw({stream.below(2) == 0, "history\r\n"}));
    ASSERT_EQ(all.difference(joined), "") << "seed " << seed << ", cut at " << cut;
    feed(all, output.substr(cut));
    feed(joined, output.substr(cut));
    ASSERT_EQ(all.difference(joined), "") << "seed " << seed << ", cut at " << cut << ", later";
  }
}

TEST(Screen, DoesNotDependOnHowOutputIsCut) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    const auto output = Stream(seed).take(40);
    Model pieces(kSize);
    for (const char byte : output) feed(pieces, {&byte, 1});
    ASSERT_EQ(after(output).difference(pieces), "") << "seed " << seed;
  }
}

TEST(Screen, SkippedOutputLeavesTheModesAsTheyWouldBe) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    Stream stream(seed);
    const auto output = stream.take(40);
    Model skipped(kSize);
    skipped.skip(as_bytes(output));
    auto all = after(output);
    ASSERT_EQ(all.modes().restore(), skipped.modes().restore()) << "seed " << seed;
    ASSERT_EQ(all.title(), skipped.title()) << "seed " << seed;
    // Shown what a program draws anew, both are the same.
    const auto anew =
        "\x18\x1b"
        "7\x1b[!p\x1b[3g\x1b[r\x1b[?6l\x1b[4l\x1b[20l\x1b[?7h\x1b[0m\x1b[H\x1b[2J"
        "drawn\x1b[?1048h";
    feed(all, anew);
    feed(skipped, anew);
    ASSERT_EQ(all.draw_lines(true), skipped.draw_lines(true)) << "seed " << seed;
  }
}

// ---- beside another terminal, and with real programs ----

std::string visible(const std::string& output, TerminalSize size) {
  Screen other(size.rows, size.columns, [](std::string_view) {});
  other.feed(output);
  return other.text();
}

// For moments at which half of a wide character has been overwritten, which the other terminal
// shows as one column less.
std::string without_blanks(std::string text) {
  std::erase(text, ' ');
  return text;
}

// What programs printed on a terminal of 24 rows and 80 columns: see the file's name.
class Recording : public ::testing::TestWithParam<const char*> {};

TEST_P(Recording, IsShownAsAnotherTerminalShowsItWhereverAViewerJoins) {
  std::ifstream file(std::filesystem::path(PTYD_SOURCE_DIR) / "tests/recordings" / GetParam());
  const std::string output{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(output.empty());
  constexpr TerminalSize kTerminal{24, 80};
  const std::size_t step = std::max<std::size_t>(output.size() / 100, 1);
  Model all(kTerminal);
  for (std::size_t cut = 0; cut < output.size(); cut += step) {
    const auto rest = output.substr(cut);
    const auto drawn = all.draw({});
    Model joined(kTerminal);
    feed(joined, drawn);
    ASSERT_EQ(all.difference(joined), "") << "at " << cut;
    feed(joined, rest);
    ASSERT_EQ(after(output, kTerminal).difference(joined), "") << "at " << cut;
    // And the other terminal agrees, with all and with the drawing, here and at the end.
    ASSERT_EQ(without_blanks(visible(output.substr(0, cut), kTerminal)),
              without_blanks(visible(drawn, kTerminal)))
        << "at " << cut;
    ASSERT_EQ(visible(output, kTerminal), visible(drawn + rest, kTerminal)) << "at " << cut;
    ASSERT_EQ(all.draw_lines(false), visible(drawn, kTerminal)) << "at " << cut;
    feed(all, std::string_view(output).substr(cut, step));
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Recording,
                         ::testing::Values("vim", "htop", "less", "mc", "nano", "bash"),
                         [](const auto& recording) { return std::string(recording.param); });

}  // namespace
}  // namespace ptyd::test
