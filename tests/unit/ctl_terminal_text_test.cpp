// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/terminal_text.hpp"

#include <gtest/gtest.h>

#include "common/wire.hpp"
#include "ctl/escape_filter.hpp"

namespace ptyd {
namespace {

using Lines = std::vector<std::string>;

Lines lines_of(std::string_view output) { return plain_lines(as_bytes(output)); }

TEST(PlainLines, DropsEscapeSequences) {
  EXPECT_EQ(lines_of("\x1b[1;31mred\x1b[0m\r\n"), Lines{"red"});
  EXPECT_EQ(lines_of("\x1b]0;title\x07text"), Lines{"text"});
  EXPECT_EQ(lines_of("\x1b]0;title\x1b\\text"), Lines{"text"});
  EXPECT_EQ(lines_of("\x1bPq#0\x1b\\text\x1b(B"), Lines{"text"});
  EXPECT_EQ(lines_of("a\x1b[31\x18"
                     "b"),
            Lines{"ab"});
  EXPECT_EQ(lines_of("cut\x1b["), Lines{"cut"});
}

TEST(PlainLines, FollowsTheCursorWithinALine) {
  EXPECT_EQ(lines_of("10%\r20%\r100%\n"), Lines{"100%"});
  EXPECT_EQ(lines_of("abd\bc"), Lines{"abc"});
  EXPECT_EQ(lines_of("grü\b\xc3\xbc"), Lines{"grü"});
  EXPECT_EQ(lines_of("\b\bx\a"), Lines{"x"});
}

TEST(PlainLines, KeepsEmptyLinesButNotAtTheEnd) {
  EXPECT_EQ(lines_of("a\n\nb\n\n\n"), (Lines{"a", "", "b"}));
  EXPECT_EQ(lines_of(""), Lines{});
}

TEST(PlainLines, ArePrintable) { EXPECT_EQ(lines_of("\xff\u009b"), Lines{"\\xff\\xc2\\x9b"}); }

bool between(std::string_view output) {
  EscapeFilter filter;
  for (const auto byte : as_bytes(output)) filter.swallow(byte);
  return filter.between_characters();
}

TEST(EscapeFilter, KnowsWhereSomethingMayBePutInBetween) {
  for (const char* text : {"", "a", "\x1b[0m", "ü", "€", "\x1b(B", "\x1b]0;t\x07", "\xff",
                           "\x1b"
                           "7"})
    EXPECT_TRUE(between(text)) << text;
  for (const char* text : {"\x1b", "\x1b[", "\x1b[1;", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\x1b(",
                           "\x1b]0;t", "\x1b]0;t\x1b"})
    EXPECT_FALSE(between(text)) << text;
}

}  // namespace
}  // namespace ptyd
