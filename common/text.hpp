// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ptyd {

// "1 session", "2 sessions".
std::string plural(std::size_t count, const char* noun);

// Text as a person or a table may see it: control characters, DEL and bytes that are no UTF-8
// become \xNN, a backslash stays. Strangers choose names, commands and titles.
std::string printable(std::string_view text);
// Words joined as a shell would take them back, printable.
std::string shell_quoted(const std::vector<std::string>& words);
// C escapes: \n \t \r \e \a \b \f \v \0 \\ \xHH \NNN and ^X as a control character written \cX.
// Nothing, with `problem` set, for anything else after a backslash.
std::optional<std::string> unescaped(std::string_view text, std::string& problem);
bool is_valid_utf8(std::string_view text);

// "5s", "1min 30s", "250ms", "2h", "1d"; a bare number is seconds. Nothing when it is none of these
// or does not fit.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
// The same way back, in at most two units: "5s", "1min 30s".
std::string format_duration(std::chrono::milliseconds duration);
// "64KiB", "1MiB", "1GiB", "100B" or a bare number of bytes; K, M and G mean the binary units.
std::optional<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);

using WallTime = std::chrono::system_clock::time_point;
// 2026-01-31T23:59:59.123Z
std::string format_utc(WallTime time);
std::optional<WallTime> parse_utc(std::string_view text);
std::int64_t to_us(WallTime time);
// The nearest that the clock can hold (years 1677 to 2262): the number may come from a stranger.
WallTime from_us(std::int64_t us);

// "SIGTERM" for 15; "SIGRTMIN+3"; "signal 99" where there is no name.
std::string signal_name(int signal);
// "TERM", "SIGTERM", "term" or "15".
std::optional<int> parse_signal(std::string_view text);

}  // namespace ptyd
