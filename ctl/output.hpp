// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/message.hpp"

namespace ptyd {

enum class JsonMode : std::uint8_t { kOff, kShort, kPretty };

// "ptyctl: MESSAGE" on standard error, on one line whatever the message has in it.
void print_error(std::string_view message);
// A line on standard error that goes with an error or an event.
void print_error_hint(std::string_view line);

// Writes all of it to standard output, waiting as long as its reader takes. Returns the exit
// status: a reader that left early (EPIPE) has what it wanted and is no failure; anything else is
// reported.
[[nodiscard]] int print(std::span<const std::uint8_t> bytes);
[[nodiscard]] int print(std::string_view text);
[[nodiscard]] int print_json(const Json& json, JsonMode mode);
// Through a pager when standard output is a terminal and the text does not fit on it.
[[nodiscard]] int print_paged(std::string_view text, bool no_pager);

// Whether nobody will read what is printed from now on.
bool reader_left();

// The width of the terminal that is standard output ($COLUMNS goes first), or 0: not a terminal.
std::size_t output_width();

enum class Style : std::uint8_t { kPlain, kGood, kDim, kBad };
// `text` in colour, where the user wants that: by default if standard output is a terminal.
std::string styled(std::string_view text, Style style);
// What stands before a name: round where the terminal shows that, else an asterisk.
std::string bullet(Style style);

}  // namespace ptyd
