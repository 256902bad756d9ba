// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/output.hpp"

namespace ptyd {

// Columns of a terminal that UTF-8 text takes. What is no UTF-8 counts one a byte.
std::size_t display_width(std::string_view text);
// `text` in at most `width` columns, with "…" where it was cut.
std::string ellipsized(std::string_view text, std::size_t width);

// Text in columns, two spaces apart, with a line of headings. Cells are made printable.
class Table {
 public:
  explicit Table(std::vector<std::string> headings);

  // As many cells as there are headings; `style` is for the cell `styled_cell`.
  void add_row(std::vector<std::string> cells, Style style = Style::kPlain,
               std::size_t styled_cell = 0);
  // Lines of at most `max_width` columns as far as shortening the last column can do that;
  // 0: as wide as they are.
  [[nodiscard]] std::string layout(std::size_t max_width) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    Style style;
    std::size_t styled_cell;
  };
  std::vector<Row> rows_;  // the headings first
};

}  // namespace ptyd
