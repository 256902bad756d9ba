// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/terminal/style.hpp"

#include <algorithm>
#include <iterator>

namespace ptyd {
namespace {

constexpr std::uint16_t kMaxUnderline = 5;

std::uint8_t byte_of(std::uint16_t value) {
  return static_cast<std::uint8_t>(std::min<std::uint16_t>(value, 255));
}

// The colour after 38, 48 or 58 at `i`: "38;5;N", "38;2;R;G;B", and with colons, where RGB has a
// colour space in between. Moves `i` to its last parameter; false when it is none.
bool take_colour(const ControlParser& parser, std::size_t& i, Colour& colour) {
  std::size_t joined = 0;
  while (parser.joined(i + 1 + joined)) ++joined;
  const auto first = i + 1;
  const auto kind = parser.param(first);
  const auto size = joined != 0 ? joined : std::size_t{kind == 2U ? 4U : 2U};
  i = std::min(i + size, parser.count() - 1);
  if (kind == 5 && size >= 2) {
    colour = Colour::palette(byte_of(parser.param(first + 1)));
    return true;
  }
  if (kind != 2 || size < 4) return false;
  const auto red = first + (joined > 4 ? 2 : 1);
  colour = Colour::rgb(byte_of(parser.param(red)), byte_of(parser.param(red + 1)),
                       byte_of(parser.param(red + 2)));
  return true;
}

struct FlagCode {
  std::uint16_t flag;
  std::uint8_t on, off;
};
constexpr FlagCode kFlagCodes[] = {
    {CellStyle::kBold, 1, 22},   {CellStyle::kFaint, 2, 22},     {CellStyle::kItalic, 3, 23},
    {CellStyle::kBlink, 5, 25},  {CellStyle::kInverse, 7, 27},   {CellStyle::kHidden, 8, 28},
    {CellStyle::kStrike, 9, 29}, {CellStyle::kOverline, 53, 55},
};

void append_number(std::string& out, unsigned number) {
  if (number >= 100) out += static_cast<char>('0' + number / 100);
  if (number >= 10) out += static_cast<char>('0' + number / 10 % 10);
  out += static_cast<char>('0' + number % 10);
}

// `base` is 30 for the foreground, 40 for the background; 50 for the underline, which has the long
// form alone.
void append_colour(std::string& out, Colour colour, unsigned base) {
  if (colour.is_default()) return;
  out += ';';
  constexpr unsigned kUnderline = 50;
  if (colour.is_palette() && base != kUnderline && colour.index() < 16)
    return append_number(out, (colour.index() < 8 ? base : base + 52) + colour.index());
  append_number(out, base + 8);
  // Semicolons, which more terminals understand, where they are not ambiguous to those that know
  // no colour of underlines.
  const char separator = base == kUnderline ? ':' : ';';
  out += separator;
  if (colour.is_palette()) {
    out += '5';
    out += separator;
    return append_number(out, colour.index());
  }
  out += '2';
  if (base == kUnderline) out += separator;  // no colour space
  for (const auto part : {colour.red(), colour.green(), colour.blue()}) {
    out += separator;
    append_number(out, part);
  }
}

}  // namespace

void CellStyle::apply(const ControlParser& parser) {
  for (std::size_t i = 0; i < parser.count(); ++i) {
    const auto code = parser.param(i);
    const bool alone = !parser.joined(i + 1);
    const bool may_be_flag = code < 30 || (code >= 53 && code <= 55);
    for (const auto& entry : kFlagCodes) {
      if (!may_be_flag) break;
      if (code == entry.off) flags = static_cast<std::uint16_t>(flags & ~entry.flag);
      if (code == entry.on) flags = static_cast<std::uint16_t>(flags | entry.flag);
    }
    if (code == 0) {
      *this = CellStyle();
    } else if (code == 4) {
      underline = alone ? std::uint16_t{1} : std::min(parser.param(i + 1), kMaxUnderline);
    } else if (code == 6) {
      flags = static_cast<std::uint16_t>(flags | kBlink);
    } else if (code == 21) {
      underline = 2;
    } else if (code == 24) {
      underline = 0;
    } else if (code >= 30 && code <= 37) {
      foreground = Colour::palette(static_cast<std::uint8_t>(code - 30));
    } else if (code >= 40 && code <= 47) {
      background = Colour::palette(static_cast<std::uint8_t>(code - 40));
    } else if (code >= 90 && code <= 97) {
      foreground = Colour::palette(static_cast<std::uint8_t>(code - 90 + 8));
    } else if (code >= 100 && code <= 107) {
      background = Colour::palette(static_cast<std::uint8_t>(code - 100 + 8));
    } else if (code == 38) {
      take_colour(parser, i, foreground);
    } else if (code == 48) {
      take_colour(parser, i, background);
    } else if (code == 58) {
      take_colour(parser, i, underline_colour);
    } else if (code == 39) {
      foreground = {};
    } else if (code == 49) {
      background = {};
    } else if (code == 59) {
      underline_colour = {};
    }
    while (parser.joined(i + 1)) ++i;  // what belongs to a code that is not known
  }
}

void append_sgr(std::string& out, const CellStyle& style) {
  out += "\x1b[0";
  for (const auto& entry : kFlagCodes) {
    if ((style.flags & entry.flag) == 0) continue;
    out += ';';
    append_number(out, entry.on);
  }
  if (style.underline == 1) out += ";4";
  if (style.underline > 1) {
    out += ";4:";
    append_number(out, style.underline);
  }
  append_colour(out, style.foreground, 30);
  append_colour(out, style.background, 40);
  append_colour(out, style.underline_colour, 50);
  out += 'm';
}

}  // namespace ptyd
