// SPDX-License-Identifier: LGPL-2.1-or-later
// How a screen is shown: as the bytes that draw it on a terminal, or as text.
#include <algorithm>
#include <utility>

#include "common/terminal/screen.hpp"

namespace ptyd {
namespace {

// What every drawing begins with: plain text, ASCII, all of the screen, wherever the program was.
constexpr char kPlain[] =
    "\x1b[0m\x1b(B\x1b)B\x1b*B\x1b+B\x0f\x1b[?5l\x1b[?6l\x1b[?7h\x1b[4l\x1b[20l\x1b[r";
constexpr char kClear[] = "\x1b[H\x1b[2J";

void append_position(std::string& out, int row, int column) {
  out.append("\x1b[").append(std::to_string(row + 1)) += ';';
  out.append(std::to_string(column + 1)) += 'H';
}

void change_style(std::string& out, CellStyle& from, const CellStyle& to) {
  if (from == to) return;
  append_sgr(out, to);
  from = to;
}

}  // namespace

std::string Screen::draw(const DrawOptions& options) const {
  std::string main(kPlain);
  if (options.keep_history) {
    // On the last line of any terminal, from where text moves what is above into its history.
    append_position(main, 9998, 0);
    main.append("\r\n").append(options.history).append(static_cast<std::size_t>(rows()), '\n');
  }
  main += draw_grid(main_);
  std::string alternate;
  // To enter the alternate screen saves the cursor of the main screen: so it is put there.
  if (alternate_ || saved_[0] != Saved()) main += draw_saved(main_, saved_[0]);
  if (alternate_) {
    alternate = kPlain + draw_grid(*alternate_);
    if (saved_[1] != Saved()) alternate += draw_saved(*alternate_, saved_[1]) + kPlain;
  } else if (saved_[0] != Saved()) {
    main += kPlain;
  }
  auto out = modes_.restore(main, alternate);
  draw_settings(out);
  draw_cursor(out, grid(), cursor_, origin_ ? top_ : 0);
  draw_charsets(out, charsets_);
  if (insert_) out += "\x1b[4h";
  append_sgr(out, style_);
  out += parser_.begun();
  out += utf8_.pending();
  return out;
}

std::string Screen::draw_grid(const Grid& grid) const {
  std::string out(kClear);
  CellStyle style;
  for (int row = 0; row < grid.rows(); ++row) {
    const int used = used_columns(grid, row, true);
    if (used == 0) continue;
    append_position(out, row, 0);
    draw_row(out, grid, row, used, style);
  }
  change_style(out, style, {});
  return out;
}

int Screen::used_columns(const Grid& grid, int row, bool with_style) const {
  const auto cells = grid.row(row);
  auto used = static_cast<int>(cells.size());
  const auto unused = [&](const Cell& cell) {
    return cell.content == ' ' && (!with_style || cell.style.is_plain());
  };
  while (used > 0 && unused(cells[static_cast<std::size_t>(used) - 1])) --used;
  return used;
}

void Screen::draw_row(std::string& out, const Grid& grid, int row, int columns,
                      CellStyle& style) const {
  for (const auto& cell : grid.row(row).first(static_cast<std::size_t>(columns))) {
    if (cell.tail()) continue;
    change_style(out, style, cell.style);
    append_content(out, cell);
  }
}

void Screen::append_content(std::string& out, const Cell& cell) const {
  if (cell.content < 0x80) {
    out += static_cast<char>(cell.content);
  } else {
    for (const auto character : content(cell)) append_utf8(out, character);
  }
}

std::string Screen::draw_saved(const Grid& grid, const Saved& saved) const {
  std::string out;
  if (saved.origin) out += "\x1b[?6h";
  draw_cursor(out, grid, saved.cursor, 0);
  draw_charsets(out, saved.charsets);
  append_sgr(out, saved.style);
  out +=
      "\x1b"
      "7";
  return out;
}

void Screen::draw_cursor(std::string& out, const Grid& grid, const Cursor& cursor,
                         int first_row) const {
  // A line that is full, and what REP repeats, come of printing alone.
  int column = cursor.column;
  const bool repeats = &cursor == &cursor_ && last_ != 0;
  if (!cursor.full && repeats) --column;
  if (column > 0 && grid.cell(cursor.row, column).tail()) --column;
  const auto cell = column < 0 ? Cell() : grid.cell(cursor.row, column);
  const bool print = cursor.full || (repeats && cell.value() == last_ && !cell.cluster());
  append_position(out, cursor.row - first_row, print ? column : cursor.column);
  if (!print) return;
  append_sgr(out, cell.style);
  append_content(out, cell);
  if (!repeats) out += '\0';  // ignored, but for that REP does not repeat what came before it
}

void Screen::draw_charsets(std::string& out, const Charsets& charsets) const {
  for (std::size_t i = 0; i < charsets.sets.size(); ++i) {
    if (charsets.sets[i] == Charset::kAscii) continue;
    out += '\x1b';
    out += "()*+"[i];
    out += charsets.sets[i] == Charset::kGraphics ? '0' : 'A';
  }
  static constexpr const char* kShifts[] = {"", "\x0e", "\x1bn", "\x1bo"};
  out += kShifts[charsets.shifted];
}

void Screen::draw_settings(std::string& out) const {
  const auto tell_title = [&out](const std::string& title) {
    out.append("\x1b]2;").append(title) += '\a';
  };
  for (const auto& title : titles_) {
    tell_title(title);
    out += "\x1b[22;2t";
  }
  if (!title_.empty() || !titles_.empty()) tell_title(title_);
  if (tabs_ != default_tabs(columns())) {
    out += "\x1b[3g";
    for (int column = 0; column < columns(); ++column) {
      if (!tabs_[static_cast<std::size_t>(column)]) continue;
      append_position(out, 0, column);
      out += "\x1bH";
    }
  }
  if (top_ != 0 || bottom_ != rows()) {
    append_position(out, 0, 0);
    out.append("\x1b[").append(std::to_string(top_ + 1)) += ';';
    out.append(std::to_string(bottom_)) += 'r';
  }
  if (origin_) out += "\x1b[?6h";
  if (new_line_) out += "\x1b[20h";
  if (reverse_screen_) out += "\x1b[?5h";
}

std::string Screen::draw_line(const Grid& grid, int row, bool with_style) const {
  std::string line;
  const int used = used_columns(grid, row, with_style);
  if (with_style) {
    CellStyle style;
    draw_row(line, grid, row, used, style);
    change_style(line, style, {});
  } else {
    for (const auto& cell : grid.row(row).first(static_cast<std::size_t>(used)))
      if (!cell.tail()) append_content(line, cell);
  }
  return line;
}

void Screen::tell_line(int row) {
  on_line_(draw_line(main_, row, style_of_lines_), main_.wrapped(row));
}

std::string Screen::draw_lines(bool with_style) const {
  std::string out;
  std::size_t blank_lines = 0;
  for (int row = 0; row < rows(); ++row) {
    const auto line = draw_line(grid(), row, with_style);
    if (line.empty()) {
      ++blank_lines;
      continue;
    }
    out.append(std::exchange(blank_lines, 0), '\n').append(line) += '\n';
  }
  return out;
}

std::string Screen::text_at(int row, int column) const {
  std::string text;
  const auto cell = grid().cell(row, column);
  if (!cell.tail()) append_content(text, cell);
  return text;
}

std::string Screen::difference(const Screen& other) const {
  const auto compare_grids = [&](const char* name, const Grid& mine, const Grid& theirs) {
    for (int row = 0; row < mine.rows(); ++row)
      for (int column = 0; column < mine.columns(); ++column) {
        const auto a = mine.cell(row, column);
        const auto b = theirs.cell(row, column);
        if (content(a) != other.content(b) || a.style != b.style || a.wide() != b.wide())
          return std::string(name) + " screen, row " + std::to_string(row) + ", column " +
                 std::to_string(column);
      }
    return std::string();
  };
  if (size() != other.size()) return "size";
  if (!alternate_ != !other.alternate_) return "which screen";
  if (auto found = compare_grids("main", main_, other.main_); !found.empty()) return found;
  if (alternate_)
    if (auto found = compare_grids("alternate", *alternate_, *other.alternate_); !found.empty())
      return found;
  if (cursor_ != other.cursor_) return "cursor";
  if (style_ != other.style_) return "attributes";
  if (charsets_ != other.charsets_) return "character sets";
  if (saved_[0] != other.saved_[0]) return "saved cursor of the main screen";
  if (saved_[1] != other.saved_[1]) return "saved cursor of the alternate screen";
  if (origin_ != other.origin_) return "origin mode";
  if (insert_ != other.insert_) return "insert mode";
  if (new_line_ != other.new_line_) return "new line mode";
  if (reverse_screen_ != other.reverse_screen_) return "reverse screen";
  if (top_ != other.top_ || bottom_ != other.bottom_) return "margins";
  if (tabs_ != other.tabs_) return "tab stops";
  if (title_ != other.title_) return "title";
  if (titles_ != other.titles_) return "saved titles";
  if (modes_.restore() != other.modes_.restore()) return "modes";
  return {};
}

}  // namespace ptyd
