// SPDX-License-Identifier: LGPL-2.1-or-later
// What sequences do to cursor and cells.
#include "common/terminal/screen.hpp"

#include <algorithm>
#include <cstdlib>

namespace ptyd {

void Screen::line_feed() {
  if (cursor_.row == bottom_ - 1) return scroll_up(1);
  if (cursor_.row < rows() - 1) ++cursor_.row;
}

void Screen::reverse_line_feed() {
  if (cursor_.row == top_) return scroll_down(1);
  if (cursor_.row > 0) --cursor_.row;
}

void Screen::scroll_up(int count) {
  if (skipping_) return;
  count = std::min(count, bottom_ - top_);
  if (on_line_ && top_ == 0 && !alternate_)
    for (int row = 0; row < count; ++row) tell_line(row);
  grid().scroll_up(top_, bottom_, count, style_.erased());
}

void Screen::scroll_down(int count) {
  if (!skipping_) grid().scroll_down(top_, bottom_, count, style_.erased());
}

void Screen::move_to(int row, int column) {
  const int first = origin_ ? top_ : 0;
  const int last = origin_ ? bottom_ - 1 : rows() - 1;
  cursor_.row = std::clamp(row, first, last);
  cursor_.column = std::clamp(column, 0, columns() - 1);
  cursor_.full = false;
}

void Screen::move_by(int rows_down, int columns_right) {
  // Not out of the margins, when the cursor is within.
  const int first = cursor_.row >= top_ ? top_ : 0;
  const int last = cursor_.row < bottom_ ? bottom_ - 1 : rows() - 1;
  cursor_.row = std::clamp(cursor_.row + rows_down, first, last);
  cursor_.column = std::clamp(cursor_.column + columns_right, 0, columns() - 1);
  cursor_.full = false;
}

void Screen::tab(int count) {
  int column = cursor_.column;
  const int step = count < 0 ? -1 : 1;
  for (int left = std::abs(count); left > 0; --left) {
    const int from = column;
    do column += step;
    while (column > 0 && column < columns() - 1 && !tabs_[static_cast<std::size_t>(column)]);
    column = std::clamp(column, 0, columns() - 1);
    if (column == from) break;
  }
  if (column != cursor_.column) cursor_.full = false;
  cursor_.column = column;
}

void Screen::erase_display(int what) {
  if (skipping_) return;
  cursor_.full = false;
  last_ = 0;
  const auto style = style_.erased();
  if (what == 0) {
    grid().erase(cursor_.row, cursor_.column, columns(), style);
    grid().erase_rows(cursor_.row + 1, rows(), style);
  } else if (what == 1) {
    grid().erase_rows(0, cursor_.row, style);
    grid().erase(cursor_.row, 0, cursor_.column + 1, style);
  } else if (what == 2) {
    grid().erase_rows(0, rows(), style);
  }
}

void Screen::erase_line(int what) {
  if (skipping_) return;
  cursor_.full = false;
  last_ = 0;
  const int from = what == 0 ? cursor_.column : 0;
  const int to = what == 1 ? cursor_.column + 1 : columns();
  if (what <= 2) grid().erase(cursor_.row, from, to, style_.erased());
}

void Screen::set_margins(int top, int bottom) {
  top = std::max(top, 1);
  if (bottom == 0 || bottom > rows()) bottom = rows();
  if (top >= bottom) return;
  top_ = top - 1;
  bottom_ = bottom;
  move_to(origin_ ? top_ : 0, 0);
}

void Screen::restore_cursor() {
  const auto& from = saved();
  style_ = from.style;
  charsets_ = from.charsets;
  origin_ = from.origin;
  const bool full = from.cursor.full;
  move_to(from.cursor.row, from.cursor.column);
  cursor_.full = full && cursor_.column == columns() - 1;
}

void Screen::align() {
  top_ = 0;
  bottom_ = rows();
  origin_ = false;
  move_to(0, 0);
  last_ = 0;
  if (skipping_) return;
  for (int row = 0; row < rows(); ++row)
    for (auto& cell : grid().write(row, 0, columns())) cell = {U'E', CellStyle()};
}

}  // namespace ptyd
