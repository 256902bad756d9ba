// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/table.hpp"

#include <algorithm>
#include <utility>

#include "common/terminal/character.hpp"
#include "common/text.hpp"

namespace ptyd {
namespace {

constexpr std::size_t kGap = 2;
// The last column keeps this much, even where the line then becomes too long.
constexpr std::size_t kMinLastWidth = 8;
constexpr std::string_view kEllipsis = "…";

struct Character {
  std::size_t bytes = 1;
  std::size_t columns = 1;
};

// The character at the start of `text`, which is not empty.
Character first_character(std::string_view text) {
  Utf8Decoder decoder;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto result = decoder.feed(static_cast<std::uint8_t>(text[i]));
    if (!result.complete) continue;
    return {result.again ? i : i + 1, static_cast<std::size_t>(character_width(result.character))};
  }
  return {text.size(), 1};  // cut off
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const auto character = first_character(text);
    width += character.columns;
    text.remove_prefix(character.bytes);
  }
  return width;
}

std::string ellipsized(std::string_view text, std::size_t width) {
  if (width == 0) return {};
  if (display_width(text) <= width) return std::string(text);
  std::size_t used = 1;  // by the ellipsis
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    const auto character = first_character(text.substr(bytes));
    if (used + character.columns > width) break;
    used += character.columns;
    bytes += character.bytes;
  }
  return std::string(text.substr(0, bytes)).append(kEllipsis);
}

Table::Table(std::vector<std::string> headings) { add_row(std::move(headings)); }

void Table::add_row(std::vector<std::string> cells, Style style, std::size_t styled_cell) {
  for (auto& cell : cells) cell = printable(cell);
  rows_.push_back({std::move(cells), style, styled_cell});
}

std::string Table::layout(std::size_t max_width) const {
  const std::size_t last = rows_.front().cells.size() - 1;
  std::vector<std::size_t> widths(last, 0);
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < last; ++i)
      widths[i] = std::max(widths[i], display_width(row.cells[i]));
  std::size_t before_last = 0;
  for (const auto width : widths) before_last += width + kGap;
  std::size_t last_width = std::string::npos;
  if (max_width > 0)
    last_width = std::max(max_width - std::min(max_width, before_last), kMinLastWidth);

  std::string out;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i <= last; ++i) {
      const auto& cell = row.cells[i];
      const auto shown = i == last ? ellipsized(cell, last_width) : cell;
      out += styled(shown, i == row.styled_cell ? row.style : Style::kPlain);
      if (i < last) out.append(widths[i] - display_width(cell) + kGap, ' ');
    }
    out += '\n';
  }
  return out;
}

}  // namespace ptyd
