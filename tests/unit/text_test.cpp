// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/text.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <limits>

namespace ptyd {
namespace {

using namespace std::chrono_literals;
using std::string_view_literals::operator""sv;

TEST(Printable, LeavesTextAlone) {
  for (const auto* text : {"", "plain", "back\\slash", "Grüße, 世界 🎉", "a b"})
    EXPECT_EQ(printable(text), text);
}

TEST(Printable, ShowsWhatATerminalWouldObey) {
  EXPECT_EQ(printable("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(printable("a\nb\tc\x7f"), "a\\x0ab\\x09c\\x7f");
  EXPECT_EQ(printable("nul\0!"sv), "nul\\x00!");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");  // CSI as a C1 control character
}

TEST(Printable, ShowsWhatIsNoUtf8) {
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\xc3"), "\\xc3");                    // cut
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_TRUE(is_valid_utf8(printable("\x80\xe4\xf5 mixed ü \xf0\x9f")));
}

TEST(Utf8, KnowsTheLimits) {
  for (const auto text : {"\xc2\x80"sv, "\xdf\xbf"sv, "\xe0\xa0\x80"sv, "\xed\x9f\xbf"sv,
                          "\xee\x80\x80"sv, "\xf0\x90\x80\x80"sv, "\xf4\x8f\xbf\xbf"sv, "\0"sv})
    EXPECT_TRUE(is_valid_utf8(text)) << printable(text);
  for (const auto text : {"\x80"sv, "\xc1\xbf"sv, "\xe0\x9f\xbf"sv, "\xed\xa0\x80"sv,
                          "\xf0\x8f\xbf\xbf"sv, "\xf4\x90\x80\x80"sv, "\xe2\x82"sv, "\xc3("sv})
    EXPECT_FALSE(is_valid_utf8(text)) << printable(text);
}

TEST(ShellQuoted, CanBePastedBack) {
  EXPECT_EQ(shell_quoted({"ls", "-l", "/tmp/a_b"}), "ls -l /tmp/a_b");
  EXPECT_EQ(shell_quoted({"echo", "a b", "", "it's", "$x"}), "echo 'a b' '' 'it'\\''s' '$x'");
  EXPECT_EQ(shell_quoted({}), "");
  EXPECT_EQ(shell_quoted({"\x1b[2J"}), "'\\x1b[2J'");
}

TEST(Unescaped, KnowsTheDocumentedEscapes) {
  std::string problem;
  EXPECT_EQ(unescaped("plain", problem), "plain");
  EXPECT_EQ(unescaped(R"(\n\t\r\e\a\b\f\v\\\"\')", problem), "\n\t\r\x1b\a\b\f\v\\\"'");
  EXPECT_EQ(unescaped(R"(\0\x41\x4a!\101\1019)", problem), "\0AJ!AA9"sv);
  EXPECT_EQ(unescaped(R"(\xff\377)", problem), "\xff\xff");
  EXPECT_EQ(unescaped(R"(\cc\cC\c[\c?)", problem), "\x03\x03\x1b\x7f");
  EXPECT_EQ(unescaped("stop\\n", problem), "stop\n");
  EXPECT_EQ(problem, "");
}

TEST(Unescaped, SaysWhatItDoesNotKnow) {
  for (const auto* text :
       {"\\", "a\\", "\\q", "\\x", "\\xg", "\\8", "\\777", "\\c", "\\c!", "\\u0041"}) {
    std::string problem;
    EXPECT_FALSE(unescaped(text, problem)) << text;
    EXPECT_NE(problem, "") << text;
  }
  std::string problem;
  EXPECT_FALSE(unescaped("\\\x1b", problem));
  EXPECT_EQ(problem.find('\x1b'), std::string::npos);
}

TEST(Duration, TakesUnits) {
  EXPECT_EQ(parse_duration("5s"), 5s);
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("5min"), 5min);
  EXPECT_EQ(parse_duration("1m"), 1min);
  EXPECT_EQ(parse_duration("2h"), 2h);
  EXPECT_EQ(parse_duration("1d"), 24h);
  EXPECT_EQ(parse_duration("30"), 30s);
  EXPECT_EQ(parse_duration("0"), 0s);
  EXPECT_EQ(parse_duration("1min 30s"), 90s);
  EXPECT_EQ(parse_duration("1min30s"), 90s);
}

TEST(Duration, RefusesAllElse) {
  for (const auto* text : {"", " ", "s", "5x", "-5s", "+5s", "5.5s", "5 s5", "1e3", "0x10", "5S",
                           "99999999999999999999", "9223372036854775807d", "five"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Duration, IsWrittenInAtMostTwoUnits) {
  EXPECT_EQ(format_duration(0ms), "0s");
  EXPECT_EQ(format_duration(-5s), "0s");
  EXPECT_EQ(format_duration(5s), "5s");
  EXPECT_EQ(format_duration(90s), "1min 30s");
  EXPECT_EQ(format_duration(1500ms), "1s 500ms");
  EXPECT_EQ(format_duration(25h + 1min), "1d 1h");
  EXPECT_EQ(format_duration(24h + 1s), "1d");
  for (const auto duration : {5000ms, 90'000ms, 250ms, 3'600'000ms})
    EXPECT_EQ(parse_duration(format_duration(duration)), duration);
}

TEST(Size, TakesBinaryUnits) {
  EXPECT_EQ(parse_size("100"), 100U);
  EXPECT_EQ(parse_size("100B"), 100U);
  EXPECT_EQ(parse_size("64KiB"), 64U << 10);
  EXPECT_EQ(parse_size("64K"), 64U << 10);
  EXPECT_EQ(parse_size("1MiB"), 1U << 20);
  EXPECT_EQ(parse_size("2GiB"), 2ULL << 30);
  for (const auto* text : {"", "MiB", "-1", "1.5M", "1TB", "1kb", "18446744073709551616"})
    EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Size, IsWrittenWithOneDigit) {
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(1023), "1023B");
  EXPECT_EQ(format_size(64 << 10), "64KiB");
  EXPECT_EQ(format_size(1536), "1.5KiB");
  EXPECT_EQ(format_size(1 << 20), "1MiB");
  EXPECT_EQ(format_size(~0ULL), "17179869183.9GiB");
}

TEST(Utc, ComesBackToTheMillisecond) {
  const WallTime time{std::chrono::milliseconds(1'767'225'599'123)};
  EXPECT_EQ(format_utc(time), "2025-12-31T23:59:59.123Z");
  EXPECT_EQ(parse_utc("2025-12-31T23:59:59.123Z"), time);
  EXPECT_EQ(parse_utc("2025-12-31T23:59:59Z"), time - 123ms);
  EXPECT_EQ(format_utc(WallTime{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_utc(WallTime{-1ms}), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(parse_utc("1969-12-31T23:59:59.999Z"), WallTime{-1ms});
  EXPECT_EQ(from_us(to_us(time)), time);
}

TEST(Utc, RefusesAllElse) {
  for (const auto text :
       {""sv, "now"sv, "2026-01-31"sv, "2026-01-31T23:59:59"sv, "2026-01-31T23:59:59.1Z"sv,
        "2026-01-31T23:59:59.123"sv, "2026-01-31T23:59:59.123Zx"sv, "2026-13-31T23:59:59Z"sv,
        "2026-01-31T23:59:59Z\0x"sv, "2026-01-31 23:59:59Z"sv})
    EXPECT_FALSE(parse_utc(text)) << printable(text);
}

TEST(Utc, TimesThatTheClockCannotHoldAreNoTimes) {
  EXPECT_FALSE(parse_utc("9999-01-01T00:00:00Z"));
  EXPECT_FALSE(parse_utc("0000-01-01T00:00:00Z"));
  // Such numbers come from strangers: they must not be undefined behaviour.
  for (const auto us :
       {std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    const auto text = format_utc(from_us(us));
    EXPECT_EQ(text.size(), 24U) << text;
  }
}

TEST(Signal, HasNames) {
  EXPECT_EQ(signal_name(SIGTERM), "SIGTERM");
  EXPECT_EQ(signal_name(SIGKILL), "SIGKILL");
  EXPECT_EQ(signal_name(SIGRTMIN + 3), "SIGRTMIN+3");
  EXPECT_EQ(signal_name(0), "signal 0");
  EXPECT_EQ(signal_name(99), "signal 99");
  EXPECT_EQ(signal_name(-1), "signal -1");
}

TEST(Signal, IsTakenByNameAndNumber) {
  for (const auto* text : {"TERM", "SIGTERM", "term", "sigterm", "15"})
    EXPECT_EQ(parse_signal(text), SIGTERM) << text;
  EXPECT_EQ(parse_signal("SIGRTMIN+3"), SIGRTMIN + 3);
  for (int signal = 1; signal < 32; ++signal) EXPECT_EQ(parse_signal(signal_name(signal)), signal);
  for (const auto text : {""sv, "0"sv, "-9"sv, "65"sv, "999999999999"sv, "SIG"sv, "NOSUCH"sv,
                          "TERM "sv, "9x"sv, "TERM\0x"sv, "signal 32"sv})
    EXPECT_FALSE(parse_signal(text)) << printable(text);
}

}  // namespace
}  // namespace ptyd
