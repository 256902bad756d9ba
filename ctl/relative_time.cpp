// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/relative_time.hpp"

#include <array>
#include <ctime>
#include <string_view>

namespace ptyd {
namespace {

struct Unit {
  std::int64_t seconds;
  std::string_view one, many;  // with the space that words have and symbols have not
};
constexpr std::array kUnits{
    Unit{31'557'600, " year", " years"},  // of 365.25 days
    Unit{2'629'800, " month", " months"},
    Unit{604'800, " week", " weeks"},
    Unit{86'400, " day", " days"},
    Unit{3600, "h", "h"},
    Unit{60, "min", "min"},
    Unit{1, "s", "s"},
};

std::string format_local(WallTime time, const char* format) {
  const auto seconds = std::chrono::system_clock::to_time_t(time);
  std::tm tm{};
  ::localtime_r(&seconds, &tm);
  std::array<char, 64> buffer{};
  return {buffer.data(), std::strftime(buffer.data(), buffer.size(), format, &tm)};
}

}  // namespace

std::string elapsed(std::chrono::seconds time) {
  auto rest = time.count();
  std::string out;
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    const auto count = rest / kUnits[i].seconds;
    if (count <= 0) {
      if (!out.empty()) break;  // "1h 5s" helps nobody
      continue;
    }
    rest %= kUnits[i].seconds;
    const bool second = !out.empty();
    if (second) out += ' ';
    out += std::to_string(count);
    out += count == 1 ? kUnits[i].one : kUnits[i].many;
    if (second) break;
  }
  return out.empty() ? "0s" : out;
}

std::string relative_time(WallTime time, WallTime now) {
  const auto passed = std::chrono::floor<std::chrono::seconds>(now - time);
  return passed.count() < 1 ? "now" : elapsed(passed) + " ago";
}

std::string local_time(WallTime time) { return format_local(time, "%a %Y-%m-%d %H:%M:%S %Z"); }

std::string local_clock(WallTime time) { return format_local(time, "%H:%M:%S"); }

}  // namespace ptyd
