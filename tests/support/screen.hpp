// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vterm.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace ptyd::test {

// What a person would see of a terminal, worked out by libvterm. Not thread safe.
class Screen {
 public:
  // `answer` gets what the terminal replies to queries of the program (such as "what are you?").
  Screen(int rows, int columns, std::function<void(std::string_view)> answer);

  void feed(std::string_view bytes);
  void resize(int rows, int columns);
  [[nodiscard]] int rows() const { return rows_; }
  [[nodiscard]] int columns() const { return columns_; }
  // Without the blanks at its end. Rows count from 0.
  [[nodiscard]] std::string line(int row) const;
  // All lines, each ended by a newline, without the blank ones at the end.
  [[nodiscard]] std::string text() const;

  struct Cursor {
    int row = 0, column = 0;
    bool visible = true;
  };
  [[nodiscard]] Cursor cursor() const;
  // The program is on the alternate screen, as vim, less and htop are.
  [[nodiscard]] bool alternate() const { return alternate_; }
  [[nodiscard]] const std::string& title() const { return title_; }

 private:
  static int on_property(VTermProp property, VTermValue* value, void* self);
  static void on_answer(const char* bytes, std::size_t size, void* self);

  std::function<void(std::string_view)> answer_;
  std::unique_ptr<VTerm, void (*)(VTerm*)> vterm_;
  VTermScreenCallbacks callbacks_{};
  int rows_;
  int columns_;
  bool cursor_visible_ = true;
  bool alternate_ = false;
  std::string title_;
};

}  // namespace ptyd::test
