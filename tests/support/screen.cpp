// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/screen.hpp"

#include <type_traits>

namespace ptyd::test {
namespace {

// libvterm 0.1 gives a whole string, 0.3 pieces of one.
template <typename String>
void take_string(std::string& into, const String& string) {
  if constexpr (std::is_convertible_v<String, const char*>) {
    into = string;
  } else {
    if (string.initial) into.clear();
    into.append(string.str, string.len);
  }
}

}  // namespace

Screen::Screen(int rows, int columns, std::function<void(std::string_view)> answer)
    : answer_(std::move(answer)),
      vterm_(::vterm_new(rows, columns), &::vterm_free),
      rows_(rows),
      columns_(columns) {
  ::vterm_set_utf8(vterm_.get(), 1);
  ::vterm_output_set_callback(vterm_.get(), &Screen::on_answer, this);
  auto* screen = ::vterm_obtain_screen(vterm_.get());
  callbacks_.settermprop = &Screen::on_property;
  ::vterm_screen_set_callbacks(screen, &callbacks_, this);
  ::vterm_screen_enable_altscreen(screen, 1);
  ::vterm_screen_reset(screen, 1);
}

void Screen::feed(std::string_view bytes) {
  ::vterm_input_write(vterm_.get(), bytes.data(), bytes.size());
}

void Screen::resize(int rows, int columns) {
  rows_ = rows;
  columns_ = columns;
  ::vterm_set_size(vterm_.get(), rows, columns);
}

std::string Screen::line(int row) const {
  const auto* screen = ::vterm_obtain_screen(vterm_.get());
  // A cell holds at most VTERM_MAX_CHARS_PER_CELL characters of at most 6 bytes.
  std::string text(static_cast<std::size_t>(columns_) * VTERM_MAX_CHARS_PER_CELL * 6, '\0');
  const VTermRect rect{row, row + 1, 0, columns_};
  text.resize(::vterm_screen_get_text(screen, text.data(), text.size(), rect));
  text.erase(text.find_last_not_of(" \n") + 1);
  return text;
}

std::string Screen::text() const {
  std::string text;
  for (int row = 0; row < rows_; ++row) text += line(row) + "\n";
  text.erase(text.find_last_not_of('\n') + 1);
  return text.empty() ? text : text + "\n";
}

Screen::Cursor Screen::cursor() const {
  VTermPos position{};
  ::vterm_state_get_cursorpos(::vterm_obtain_state(vterm_.get()), &position);
  return {position.row, position.col, cursor_visible_};
}

int Screen::on_property(VTermProp property, VTermValue* value, void* self) {
  auto& screen = *static_cast<Screen*>(self);
  if (property == VTERM_PROP_CURSORVISIBLE) screen.cursor_visible_ = value->boolean != 0;
  if (property == VTERM_PROP_ALTSCREEN) screen.alternate_ = value->boolean != 0;
  if (property == VTERM_PROP_TITLE) take_string(screen.title_, value->string);
  return 1;
}

void Screen::on_answer(const char* bytes, std::size_t size, void* self) {
  static_cast<Screen*>(self)->answer_({bytes, size});
}

}  // namespace ptyd::test
