// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/text.hpp"

#include <signal.h>
#include <string.h>  // sigabbrev_np
#include <strings.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <limits>

namespace ptyd {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array kTimeUnits{
    Unit{"ms", 1},         Unit{"s", 1000},       Unit{"sec", 1000},
    Unit{"min", 60'000},   Unit{"m", 60'000},     Unit{"h", 3'600'000},
    Unit{"hr", 3'600'000}, Unit{"d", 86'400'000}, Unit{"", 1000},
};
constexpr std::array kSizeUnits{
    Unit{"", 1},        Unit{"B", 1},         Unit{"K", 1 << 10},    Unit{"KiB", 1 << 10},
    Unit{"M", 1 << 20}, Unit{"MiB", 1 << 20}, Unit{"G", 1ULL << 30}, Unit{"GiB", 1ULL << 30},
};

// Years that the system clock, which counts nanoseconds, can hold from end to end.
constexpr int kFirstYear = 1678;
constexpr int kLastYear = 2261;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Adds up "number unit" pairs.
template <typename Units>
std::optional<std::uint64_t> parse_quantity(std::string_view text, const Units& units) {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 1000;
  std::uint64_t total = 0;
  bool any = false;
  while (true) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    if (text.empty()) break;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    std::size_t length = 0;
    while (length < text.size() && is_letter(text[length])) ++length;
    const auto name = text.substr(0, length);
    text.remove_prefix(length);
    std::uint64_t factor = 0;
    for (const auto& unit : units)
      if (unit.name == name) factor = unit.factor;
    if (factor == 0 || number > kMax / factor || total > kMax - number * factor)
      return std::nullopt;
    total += number * factor;
    any = true;
  }
  if (!any) return std::nullopt;
  return total;
}

// The length of the UTF-8 sequence at the start of text, or 0 if there is none (RFC 3629).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  const unsigned char second = byte(1);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
      (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
    return 0;
  return length;
}

std::optional<unsigned> take_number(std::string_view& text, unsigned base, std::size_t max_digits) {
  const auto window = text.substr(0, max_digits);
  unsigned value = 0;
  const auto [end, error] =
      std::from_chars(window.data(), window.data() + window.size(), value, static_cast<int>(base));
  if (error != std::errc{} || value > 0xff) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - window.data()));
  return value;
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    auto length = utf8_length(text);
    // U+0080 to U+009F are control characters too, that some terminals obey.
    const bool c1 = length == 2 && c == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
    if (length == 0 || c < 0x20 || c == 0x7f || c1) {
      length = length == 0 ? 1 : length;
      for (std::size_t i = 0; i < length; ++i) {
        std::array<char, 5> hex{};
        std::snprintf(hex.data(), hex.size(), "\\x%02x",
                      static_cast<unsigned>(static_cast<unsigned char>(text[i])));
        out += hex.data();
      }
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string shell_quoted(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) {
    if (!out.empty()) out += ' ';
    const bool plain = !word.empty() && word.find_first_not_of(
                                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789@%+=:,./_-") == std::string::npos;
    if (plain) {
      out += word;
      continue;
    }
    out += '\'';
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    out += '\'';
  }
  return printable(out);
}

std::optional<std::string> unescaped(std::string_view text, std::string& problem) {
  constexpr std::string_view kCodes = "abefnrtv\\\"'";
  constexpr std::string_view kValues = "\a\b\033\f\n\r\t\v\\\"'";
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c != '\\') {
      out += c;
      continue;
    }
    if (text.empty()) {
      problem = "a backslash at the end";
      return std::nullopt;
    }
    const char code = text.front();
    std::optional<unsigned> value;
    if (const auto at = kCodes.find(code); at != std::string_view::npos) {
      value = static_cast<unsigned char>(kValues[at]);
      text.remove_prefix(1);
    } else if (code >= '0' && code <= '7') {
      value = take_number(text, 8, 3);
    } else if (code == 'x') {
      text.remove_prefix(1);
      value = take_number(text, 16, 2);
    } else if (code == 'c' && text.size() > 1 && text[1] >= '?' && text[1] <= 'z') {
      value = text[1] == '?' ? 0x7fU : static_cast<unsigned>(text[1]) & 0x1fU;
      text.remove_prefix(2);
    }
    if (!value) {
      problem = "unknown escape \\" + printable(std::string_view(&code, 1));
      return std::nullopt;
    }
    out += static_cast<char>(*value);
  }
  return out;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto value = parse_quantity(text, kTimeUnits);
  if (!value) return std::nullopt;
  return std::chrono::milliseconds(*value);
}

std::string format_duration(std::chrono::milliseconds duration) {
  constexpr std::array kUnits{Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"min", 60'000},
                              Unit{"s", 1000}, Unit{"ms", 1}};
  auto rest = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
  if (rest == 0) return "0s";
  std::string out;
  int shown = 0;
  for (const auto& unit : kUnits) {
    const auto count = rest / unit.factor;
    rest %= unit.factor;
    if (count == 0) {
      if (shown > 0) break;
      continue;
    }
    if (shown > 0) out += ' ';
    out += std::to_string(count) + std::string(unit.name);
    if (++shown == 2) break;
  }
  return out;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  return parse_quantity(text, kSizeUnits);
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::array kUnits{Unit{"GiB", 1ULL << 30}, Unit{"MiB", 1 << 20}, Unit{"KiB", 1 << 10}};
  for (const auto& unit : kUnits) {
    if (bytes < unit.factor) continue;
    const auto tenth = bytes % unit.factor * 10 / unit.factor;
    auto out = std::to_string(bytes / unit.factor);
    if (tenth != 0) out += "." + std::to_string(tenth);
    return out + std::string(unit.name);
  }
  return std::to_string(bytes) + "B";
}

std::string format_utc(WallTime time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  auto seconds = static_cast<std::time_t>(ms / 1000);
  auto part = ms % 1000;
  if (part < 0) {
    part += 1000;
    --seconds;
  }
  std::tm tm{};
  ::gmtime_r(&seconds, &tm);
  std::array<char, 64> buffer{};
  const auto length = std::strftime(buffer.data(), buffer.size(), "%Y-%m-%dT%H:%M:%S", &tm);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(part));
  return std::string(buffer.data(), length) + fraction.data();
}

std::optional<WallTime> parse_utc(std::string_view text) {
  const std::string copy(text);
  std::tm tm{};
  const char* rest = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &tm);
  if (rest == nullptr || tm.tm_year + 1900 < kFirstYear || tm.tm_year + 1900 > kLastYear)
    return std::nullopt;
  int ms = 0;
  if (*rest == '.') {
    if (!is_digit(rest[1]) || !is_digit(rest[2]) || !is_digit(rest[3])) return std::nullopt;
    ms = (rest[1] - '0') * 100 + (rest[2] - '0') * 10 + (rest[3] - '0');
    rest += 4;
  }
  if (rest[0] != 'Z' || rest + 1 != copy.c_str() + copy.size()) return std::nullopt;
  return std::chrono::system_clock::from_time_t(::timegm(&tm)) + std::chrono::milliseconds(ms);
}

std::int64_t to_us(WallTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

WallTime from_us(std::int64_t us) {
  constexpr std::int64_t kLimit = std::numeric_limits<std::int64_t>::max() / 1000;
  return WallTime(std::chrono::microseconds(std::clamp(us, -kLimit, kLimit)));
}

std::string signal_name(int signal) {
  if (const char* name = ::sigabbrev_np(signal); name != nullptr) return std::string("SIG") + name;
  if (signal >= SIGRTMIN && signal <= SIGRTMAX)
    return "SIGRTMIN+" + std::to_string(signal - SIGRTMIN);
  return "signal " + std::to_string(signal);
}

std::optional<int> parse_signal(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size()) {
    if (number >= 1 && number <= SIGRTMAX) return number;
    return std::nullopt;
  }
  const std::string wanted(text);
  if (wanted.find('\0') != std::string::npos) return std::nullopt;
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    const auto name = signal_name(signal);
    if (!name.starts_with("SIG")) continue;
    if (::strcasecmp(name.c_str(), wanted.c_str()) == 0 ||
        ::strcasecmp(name.c_str() + 3, wanted.c_str()) == 0)
      return signal;
  }
  return std::nullopt;
}

std::string plural(std::size_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace ptyd
