// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/terminal/grid.hpp"

#include <algorithm>
#include <utility>

namespace ptyd {

Grid::Grid(TerminalSize size) : columns_(size.columns), rows_(size.rows) {}

std::span<const Cell> Grid::row(int row) const {
  const auto& found = at(row);
  if (!found.cells) return {};
  return {found.cells.get(), static_cast<std::size_t>(columns_)};
}

Cell Grid::cell(int row, int column) const {
  const auto& cells = at(row).cells;
  return cells ? cells[static_cast<std::size_t>(column)] : Cell();
}

Cell* Grid::cells(Row& row) {
  if (!row.cells) row.cells = std::make_unique<Cell[]>(static_cast<std::size_t>(columns_));
  return row.cells.get();
}

void Grid::part(Row& row, int column) {
  if (!row.has_wide || column <= 0 || column >= columns_) return;
  auto* const cells = row.cells.get();
  if (!cells[column].tail()) return;
  cells[column].content = ' ';
  cells[column - 1].content = ' ';
}

std::span<Cell> Grid::write(int row, int column, int size) {
  auto& found = at(row);
  auto* const all = cells(found);
  part(found, column);
  part(found, column + size);
  return {all + column, static_cast<std::size_t>(size)};
}

void Grid::erase(int row, int from, int to, const CellStyle& style) {
  auto& found = at(row);
  if (to == columns_) found.wrapped = false;
  if (!found.cells && style.is_plain()) return;
  auto* const all = cells(found);
  part(found, from);
  part(found, to);
  std::fill(all + from, all + to, Cell{' ', style});
}

void Grid::clear(Row& row, const CellStyle& style) {
  row.wrapped = false;
  row.has_wide = false;
  if (!row.cells && style.is_plain()) return;
  auto* const all = cells(row);
  std::fill(all, all + columns_, Cell{' ', style});
}

void Grid::erase_rows(int from, int to, const CellStyle& style) {
  for (int row = from; row < to; ++row) {
    if (style.is_plain()) at(row).cells.reset();
    clear(at(row), style);
  }
}

void Grid::insert(int row, int column, int count, const CellStyle& style) {
  auto& found = at(row);
  auto* const all = cells(found);
  count = std::min(count, columns_ - column);
  part(found, column);
  part(found, columns_ - count);
  std::move_backward(all + column, all + columns_ - count, all + columns_);
  std::fill(all + column, all + column + count, Cell{' ', style});
}

void Grid::remove(int row, int column, int count, const CellStyle& style) {
  auto& found = at(row);
  auto* const all = cells(found);
  count = std::min(count, columns_ - column);
  part(found, column);
  part(found, column + count);
  std::move(all + column + count, all + columns_, all + column);
  std::fill(all + columns_ - count, all + columns_, Cell{' ', style});
  found.wrapped = false;
}

void Grid::scroll_up(int top, int bottom, int count, const CellStyle& style) {
  count = std::min(count, bottom - top);
  if (count <= 0) return;
  if (top == 0 && bottom == rows()) {
    first_ = index(count % rows());
  } else {
    for (int row = top; row < bottom - count; ++row) std::swap(at(row), at(row + count));
  }
  for (int row = bottom - count; row < bottom; ++row) clear(at(row), style);
}

void Grid::scroll_down(int top, int bottom, int count, const CellStyle& style) {
  count = std::min(count, bottom - top);
  if (count <= 0) return;
  for (int row = bottom - 1; row >= top + count; --row) std::swap(at(row), at(row - count));
  for (int row = top; row < top + count; ++row) clear(at(row), style);
}

void Grid::resize(TerminalSize size) {
  std::rotate(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(first_), rows_.end());
  first_ = 0;
  rows_.resize(size.rows);
  const int columns = size.columns;
  if (columns == columns_) return;
  for (auto& row : rows_) {
    row.wrapped = false;
    if (!row.cells) continue;
    part(row, columns);
    auto wider = std::make_unique<Cell[]>(static_cast<std::size_t>(columns));
    std::copy_n(row.cells.get(), std::min(columns, columns_), wider.get());
    row.cells = std::move(wider);
  }
  columns_ = columns;
}

}  // namespace ptyd
