// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/protocol.hpp"
#include "common/terminal/style.hpp"

namespace ptyd {

// One place of the screen. A wide character is in its first place; the second is its tail.
struct Cell {
  static constexpr char32_t kWide = 1U << 24;
  static constexpr char32_t kTail = 1U << 25;
  static constexpr char32_t kCluster = 1U << 26;  // an index of Clusters, not a character
  static constexpr char32_t kValue = kWide - 1;

  char32_t content = ' ';
  CellStyle style;

  [[nodiscard]] bool wide() const { return (content & kWide) != 0; }
  [[nodiscard]] bool tail() const { return (content & kTail) != 0; }
  [[nodiscard]] bool cluster() const { return (content & kCluster) != 0; }
  [[nodiscard]] char32_t value() const { return content & kValue; }
  [[nodiscard]] bool blank() const { return content == ' ' && style.is_plain(); }
  friend bool operator==(const Cell&, const Cell&) = default;
};

// The cells of one screen. Rows that were never written to take no memory. A wide character is
// never cut: what would leave half of it blanks the other half.
class Grid {
 public:
  explicit Grid(TerminalSize size);

  [[nodiscard]] int rows() const { return static_cast<int>(rows_.size()); }
  [[nodiscard]] int columns() const { return columns_; }
  // Empty for a row of blanks that takes no memory.
  [[nodiscard]] std::span<const Cell> row(int row) const;
  [[nodiscard]] Cell cell(int row, int column) const;
  // The row goes on in the next one, as text that was too long for it does.
  [[nodiscard]] bool wrapped(int row) const { return at(row).wrapped; }
  void set_wrapped(int row) { at(row).wrapped = true; }

  // The cells from `column`, to be overwritten: `size` of them, which are there.
  std::span<Cell> write(int row, int column, int size);
  // Some of the row's cells are wide now.
  void note_wide(int row) { at(row).has_wide = true; }

  void erase(int row, int from, int to, const CellStyle& style);
  void erase_rows(int from, int to, const CellStyle& style);
  void insert(int row, int column, int count, const CellStyle& style);
  void remove(int row, int column, int count, const CellStyle& style);
  // Rows from `top` up to, but not with, `bottom`.
  void scroll_up(int top, int bottom, int count, const CellStyle& style);
  void scroll_down(int top, int bottom, int count, const CellStyle& style);

  // Cuts or adds on the right and at the bottom.
  void resize(TerminalSize size);

  template <typename F>
  void for_each_cell(F f) {
    for (auto& row : rows_)
      if (row.cells)
        for (int column = 0; column < columns_; ++column)
          f(row.cells[static_cast<std::size_t>(column)]);
  }

 private:
  struct Row {
    std::unique_ptr<Cell[]> cells;  // null: all blank
    bool wrapped = false;
    bool has_wide = false;  // may have
  };
  [[nodiscard]] Row& at(int row) { return rows_[index(row)]; }
  [[nodiscard]] const Row& at(int row) const { return rows_[index(row)]; }
  [[nodiscard]] std::size_t index(int row) const {
    const auto i = first_ + static_cast<std::size_t>(row);
    return i < rows_.size() ? i : i - rows_.size();
  }
  Cell* cells(Row& row);
  // No wide character is at once left and right of `column`.
  void part(Row& row, int column);
  void clear(Row& row, const CellStyle& style);

  int columns_;
  std::size_t first_ = 0;  // the index of row 0: to scroll all rows moves none
  std::vector<Row> rows_;
};

}  // namespace ptyd
