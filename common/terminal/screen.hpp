// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/protocol.hpp"
#include "common/terminal/character.hpp"
#include "common/terminal/control_parser.hpp"
#include "common/terminal/grid.hpp"
#include "common/terminal/modes.hpp"
#include "common/terminal/style.hpp"

namespace ptyd {

// What a terminal shows that has seen a program's output: cells, cursor and every mode that decides
// what further output looks like, as xterm has them. draw() brings another terminal there.
//
// Not followed: colours that programs give the palette, hyperlinks, images, double-size lines,
// margins left and right, the content of the alternate screen while it is not shown.
//
// Bounded by the size alone. Output is hostile: any bytes do.
class Screen {
 public:
  explicit Screen(TerminalSize size);

  // Obeys output; a sequence or character may be cut anywhere between two pieces.
  void feed(std::span<const std::uint8_t> output);
  // Obeys only what sets modes and attributes, which is much faster. What is shown is out of date
  // after it, until enough output is fed that all of it is drawn anew or has scrolled away.
  void skip(std::span<const std::uint8_t> output);
  void resize(TerminalSize size);

  // Is called with each line that leaves the main screen at the top, drawn like draw_lines(). One
  // that is wrapped goes on in the next.
  using OnLine = std::function<void(std::string_view line, bool wrapped)>;
  void set_on_line(OnLine on_line, bool with_style = true) {
    on_line_ = std::move(on_line);
    style_of_lines_ = with_style;
  }

  struct DrawOptions {
    // What the viewer's terminal has shown before is moved into its history, then these lines
    // (each complete, with its line end).
    bool keep_history = false;
    std::string_view history;
  };
  // The bytes that make a terminal of this size, in whatever state, show this, and after which
  // further output has the same effect on both.
  [[nodiscard]] std::string draw(const DrawOptions& options) const;
  // What is shown, a line each; without blanks at the ends of lines and at the end.
  [[nodiscard]] std::string draw_lines(bool with_style) const;

  [[nodiscard]] TerminalSize size() const {
    return {static_cast<std::uint16_t>(main_.rows()), static_cast<std::uint16_t>(main_.columns())};
  }
  // Neither in a sequence nor in a character: something may be put in between.
  [[nodiscard]] bool between_characters() const { return parser_.in_text() && !utf8_.begun(); }
  [[nodiscard]] const ModeState& modes() const { return modes_; }
  [[nodiscard]] std::string_view title() const { return title_; }
  // The text of one cell, for tests and for looking at; empty for the tail of a wide character.
  [[nodiscard]] std::string text_at(int row, int column) const;

  // Names the first difference in what is shown or in what decides about further output; empty
  // when there is none.
  [[nodiscard]] std::string difference(const Screen& other) const;

 private:
  static constexpr std::uint8_t kShiftOut = 0x0e, kShiftIn = 0x0f;
  enum class Charset : std::uint8_t { kAscii, kGraphics, kBritish };
  struct Charsets {
    std::array<Charset, 4> sets{};
    std::uint8_t shifted = 0;  // the one in use
    friend bool operator==(const Charsets&, const Charsets&) = default;
  };
  struct Cursor {
    int row = 0, column = 0;
    bool full = false;  // the last column was written: the next character wraps
    friend bool operator==(const Cursor&, const Cursor&) = default;
  };
  struct Saved {
    Cursor cursor;
    CellStyle style;
    Charsets charsets;
    bool origin = false;
    friend bool operator==(const Saved&, const Saved&) = default;
  };

  // text
  const std::uint8_t* feed_text(const std::uint8_t* at, const std::uint8_t* end);
  const std::uint8_t* skip_text(const std::uint8_t* at, const std::uint8_t* end);
  const std::uint8_t* skip_plain_text(const std::uint8_t* at, const std::uint8_t* end);
  const std::uint8_t* print_ascii(const std::uint8_t* at, const std::uint8_t* end);
  void feed_utf8(std::uint8_t byte);
  void print(char32_t character);
  void put(char32_t character, int width);
  void combine(char32_t character);
  void wrap();
  void execute(std::uint8_t control);

  // sequences
  void on_event(ControlParser::Event event, std::uint8_t byte, std::uint64_t position);
  void on_escape(std::uint64_t position);
  void designate(std::uint8_t set, std::uint8_t final);
  void on_control(std::uint64_t position);
  void on_plain_control();
  void on_cursor_control(int count);
  void on_edit_control(int count);
  void on_mode(bool on);
  void on_private_mode(std::uint16_t number, bool on);
  void on_title_stack();
  void on_command();

  // what they do
  void line_feed();
  void reverse_line_feed();
  void scroll_up(int count);
  void scroll_down(int count);
  void move_to(int row, int column);
  void move_by(int rows, int columns);
  void tab(int count);
  void erase_display(int what);
  void erase_line(int what);
  void set_margins(int top, int bottom);
  void save_cursor() { saved() = {cursor_, style_, charsets_, origin_}; }
  void restore_cursor();
  void align();
  void soft_reset();
  void hard_reset();
  [[nodiscard]] std::vector<bool> default_tabs(int columns) const;

  [[nodiscard]] Grid& grid() { return alternate_ ? *alternate_ : main_; }
  [[nodiscard]] const Grid& grid() const { return alternate_ ? *alternate_ : main_; }
  [[nodiscard]] Saved& saved() { return saved_[alternate_ ? 1 : 0]; }
  [[nodiscard]] int rows() const { return main_.rows(); }
  [[nodiscard]] int columns() const { return main_.columns(); }

  // clusters
  [[nodiscard]] std::u32string content(const Cell& cell) const;
  void append_content(std::string& out, const Cell& cell) const;
  std::optional<char32_t> add_cluster(std::u32string cluster);
  void collect_clusters();

  // drawing
  [[nodiscard]] int used_columns(const Grid& grid, int row, bool with_style) const;
  // A row without the blanks at its end.
  [[nodiscard]] std::string draw_line(const Grid& grid, int row, bool with_style) const;
  void draw_row(std::string& out, const Grid& grid, int row, int columns, CellStyle& style) const;
  [[nodiscard]] std::string draw_grid(const Grid& grid) const;
  [[nodiscard]] std::string draw_saved(const Grid& grid, const Saved& saved) const;
  void draw_cursor(std::string& out, const Grid& grid, const Cursor& cursor, int first_row) const;
  void draw_charsets(std::string& out, const Charsets& charsets) const;
  void draw_settings(std::string& out) const;
  void tell_line(int row);

  Grid main_;
  std::unique_ptr<Grid> alternate_;  // while it is shown
  Cursor cursor_;
  CellStyle style_;
  Charsets charsets_;
  std::array<Saved, 2> saved_;  // of the main and the alternate screen
  bool origin_ = false;
  bool insert_ = false;
  bool new_line_ = false;  // a line feed is a carriage return, too
  bool reverse_screen_ = false;
  int top_ = 0, bottom_ = 0;  // the rows that scroll: from top_ up to, but not with, bottom_
  std::vector<bool> tabs_;
  std::string title_;
  std::vector<std::string> titles_;  // a stack
  ModeState modes_;
  ControlParser parser_;
  Utf8Decoder utf8_;
  char32_t last_ = 0;                     // what REP repeats: printed just now; or 0
  std::vector<std::u32string> clusters_;  // characters that others were combined with
  std::size_t cluster_limit_ = 0;         // when they are collected
  bool skipping_ = false;
  bool styles_count_ = true;  // while skipping
  bool shifts_ = false;       // there are some in what is skipped
  std::uint64_t fed_ = 0;
  OnLine on_line_;
  bool style_of_lines_ = true;
};

}  // namespace ptyd
