// SPDX-License-Identifier: LGPL-2.1-or-later
// What each sequence is: an escape sequence, a control sequence, a command to the terminal.
#include "common/terminal/screen.hpp"

#include <algorithm>

namespace ptyd {
namespace {

using Event = ControlParser::Event;

constexpr std::size_t kMaxTitle = 256;  // bytes
constexpr std::size_t kMaxTitles = 10;  // as xterm

}  // namespace

void Screen::on_event(Event event, std::uint8_t byte, std::uint64_t position) {
  switch (event) {
    case Event::kNone: return;
    case Event::kExecute: return execute(byte);
    case Event::kEscape: return on_escape(position);
    case Event::kControl: return on_control(position);
    case Event::kCommand: return on_command();
  }
}

void Screen::on_escape(std::uint64_t position) {
  const auto final = parser_.final();
  switch (parser_.intermediate()) {
    case 0: break;
    case '(':
    case ')':
    case '*':
    case '+': return designate(static_cast<std::uint8_t>(parser_.intermediate() - '('), final);
    case '#':
      if (final == '8') align();
      return;
    default: return;
  }
  if (final == '=' || final == '>') return modes_.apply_escape(parser_, position);
  if (final == 'n' || final == 'o') {
    charsets_.shifted = final == 'n' ? 2 : 3;
    return;
  }
  last_ = 0;
  switch (final) {
    case '7': return save_cursor();
    case '8': return restore_cursor();
    case 'D': cursor_.full = false; return line_feed();
    case 'E':
      cursor_.full = false;
      cursor_.column = 0;
      return line_feed();
    case 'H': tabs_[static_cast<std::size_t>(cursor_.column)] = true; return;
    case 'M': cursor_.full = false; return reverse_line_feed();
    case 'c': hard_reset(); return modes_.apply_escape(parser_, position);
    default: return;
  }
}

void Screen::designate(std::uint8_t set, std::uint8_t final) {
  charsets_.sets[set] = final == '0'   ? Charset::kGraphics
                        : final == 'A' ? Charset::kBritish
                                       : Charset::kAscii;
}

void Screen::on_control(std::uint64_t position) {
  const auto final = parser_.final();
  const auto marker = parser_.marker();
  if (parser_.intermediate() != 0) {
    if (parser_.intermediate() == '!' && marker == 0 && final == 'p') soft_reset();
    return modes_.apply_control(parser_, position);
  }
  if (marker == '?' && (final == 'h' || final == 'l')) {
    for (std::size_t i = 0; i < parser_.count(); ++i)
      on_private_mode(parser_.param(i), final == 'h');
    return modes_.apply_control(parser_, position);
  }
  if (marker == '?' && (final == 'J' || final == 'K'))  // selective, but nothing is protected here
    return final == 'J' ? erase_display(parser_.param(0)) : erase_line(parser_.param(0));
  if (marker != 0) return modes_.apply_control(parser_, position);
  on_plain_control();
}

void Screen::on_plain_control() {
  const int count = std::max<int>(parser_.param(0), 1);
  switch (parser_.final()) {
    case 'm': return style_.apply(parser_);
    case 'h': return on_mode(true);
    case 'l': return on_mode(false);
    case 't': return on_title_stack();
    case 'b':
      if (skipping_ || last_ == 0) return;
      for (int i = std::min(count, rows() * columns()); i > 0; --i)
        put(last_, character_width(last_));
      return;
    case 'c':
    case 'n':
    case 'q': return;  // questions and lamps
    default: break;
  }
  last_ = 0;
  switch (parser_.final()) {
    case 'r': return set_margins(parser_.param(0), parser_.param(1));
    case 's': return save_cursor();
    case 'u': return restore_cursor();
    case 'g':
      if (parser_.param(0) == 0) tabs_[static_cast<std::size_t>(cursor_.column)] = false;
      if (parser_.param(0) == 3) tabs_.assign(tabs_.size(), false);
      return;
    case 'J':
      if (skipping_ && parser_.param(0) == 2) grid().erase_rows(0, rows(), style_.erased());
      [[fallthrough]];
    case '@':
    case 'K':
    case 'L':
    case 'M':
    case 'P':
    case 'S':
    case 'T':
    case 'X':
    case '^':
      if (!skipping_) on_edit_control(count);
      return;
    default: return on_cursor_control(count);
  }
}

void Screen::on_cursor_control(int count) {
  const int first = origin_ ? top_ : 0;
  switch (parser_.final()) {
    case 'A': return move_by(-count, 0);
    case 'B':
    case 'e': return move_by(count, 0);
    case 'C':
    case 'a': return move_by(0, count);
    case 'D': return move_by(0, -count);
    case 'E': cursor_.column = 0; return move_by(count, 0);
    case 'F': cursor_.column = 0; return move_by(-count, 0);
    case 'G':
    case '`': return move_to(cursor_.row, count - 1);
    case 'H':
    case 'f': return move_to(first + count - 1, std::max<int>(parser_.param(1), 1) - 1);
    case 'I': return tab(count);
    case 'Z': return tab(-count);
    case 'd': return move_to(first + count - 1, cursor_.column);
    default: return;
  }
}

void Screen::on_edit_control(int count) {
  const auto style = style_.erased();
  const auto row = cursor_.row;
  const bool in_margins = row >= top_ && row < bottom_;
  const auto final = parser_.final();
  if (final == 'S') return scroll_up(count);
  if (final == '^' || (final == 'T' && parser_.count() == 1)) return scroll_down(count);
  if (final == 'T') return;  // begins to track the mouse, in five numbers
  cursor_.full = false;
  switch (final) {
    case '@': return grid().insert(row, cursor_.column, count, style);
    case 'J': return erase_display(parser_.param(0));
    case 'K': return erase_line(parser_.param(0));
    case 'L':
      if (in_margins) grid().scroll_down(row, bottom_, count, style);
      if (in_margins) cursor_.column = 0;
      return;
    case 'M':
      if (in_margins) grid().scroll_up(row, bottom_, count, style);
      if (in_margins) cursor_.column = 0;
      return;
    case 'P': return grid().remove(row, cursor_.column, count, style);
    case 'X':
      return grid().erase(row, cursor_.column, std::min(cursor_.column + count, columns()), style);
    default: return;
  }
}

void Screen::on_mode(bool on) {
  for (std::size_t i = 0; i < parser_.count(); ++i) {
    if (parser_.param(i) == 4) insert_ = on;
    if (parser_.param(i) == 20) new_line_ = on;
  }
}

void Screen::on_private_mode(std::uint16_t number, bool on) {
  constexpr std::uint16_t kReverseScreen = 5, kOrigin = 6, kAlternate = 47,
                          kAlternateCleared = 1047, kSaveCursor = 1048, kAlternateAndCursor = 1049;
  switch (number) {
    case kReverseScreen: reverse_screen_ = on; return;
    case kOrigin:
      origin_ = on;
      last_ = 0;
      return move_to(on ? top_ : 0, 0);
    case kSaveCursor: last_ = 0; return on ? save_cursor() : restore_cursor();
    case kAlternate:
    case kAlternateCleared:
    case kAlternateAndCursor: break;
    default: return;
  }
  last_ = 0;
  if (on) {
    if (number == kAlternateAndCursor) save_cursor();
    if (!alternate_) alternate_ = std::make_unique<Grid>(size());
    if (number == kAlternateAndCursor) alternate_->erase_rows(0, rows(), style_.erased());
  } else {
    alternate_.reset();
    saved_[1] = {};
    if (number == kAlternateAndCursor) restore_cursor();
  }
}

void Screen::on_title_stack() {
  constexpr std::uint16_t kPush = 22, kPop = 23, kIconAlone = 1;
  if (parser_.param(1) == kIconAlone) return;
  if (parser_.param(0) == kPush) {
    if (titles_.size() == kMaxTitles) titles_.erase(titles_.begin());
    titles_.push_back(title_);
  } else if (parser_.param(0) == kPop && !titles_.empty()) {
    title_ = std::move(titles_.back());
    titles_.pop_back();
  }
}

void Screen::on_command() {
  const auto command = parser_.string();
  if (!command.starts_with("0;") && !command.starts_with("2;")) return;
  const auto text = command.substr(2);
  // Whole characters of valid UTF-8, so that it can be told to any terminal.
  title_.clear();
  Utf8Decoder decoder;
  for (std::size_t i = 0; i < text.size() && title_.size() < kMaxTitle; ++i) {
    const auto result = decoder.feed(static_cast<std::uint8_t>(text[i]));
    if (!result.complete || result.character < 0x20 ||
        (result.character >= 0x7f && result.character < 0xa0))
      continue;
    append_utf8(title_, result.character);
    if (result.again) --i;
  }
}

}  // namespace ptyd
