// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/terminal/modes.hpp"

#include <algorithm>
#include <cstring>

namespace ptyd {
namespace {

struct Mode {
  std::uint16_t number;
  bool normally_on;
  bool soft;  // is put back by a soft reset, too
};
constexpr Mode kModes[] = {
    {1, false, true},      // cursor keys send application sequences
    {7, true, true},       // wrap
    {9, false, false},     // mouse: presses
    {12, false, false},    // cursor blinks
    {25, true, true},      // cursor visible
    {1000, false, false},  // mouse: presses and releases
    {1002, false, false},  // mouse: drags
    {1003, false, false},  // mouse: all motion
    {1004, false, false},  // focus reports
    {1005, false, false},  // mouse reports in UTF-8
    {1006, false, false},  // mouse reports in SGR form
    {1015, false, false},  // mouse reports in urxvt form
    {1016, false, false},  // mouse reports in pixels
    {2004, false, false},  // bracketed paste
};

bool is_alternate_screen(std::uint16_t number) {
  return number == 47 || number == 1047 || number == 1049;
}

void append_control(std::string& out, const char* marker, std::size_t value, const char* final) {
  out.append("\x1b[").append(marker).append(std::to_string(value)).append(final);
}

void append_mode(std::string& out, std::uint16_t number, bool on) {
  append_control(out, "?", number, on ? "h" : "l");
}

}  // namespace

void ModeState::Keyboard::push(std::uint16_t value) {
  if (depth < kMaxDepth) ++depth;
  flags[depth] = value;
}

void ModeState::Keyboard::pop(std::size_t count) {
  // Taking more than there is empties the stack and switches everything off.
  if (count > depth) flags[0] = 0;
  depth -= std::min(count, depth);
}

void ModeState::Keyboard::set(std::uint16_t value, std::uint16_t how) {
  auto& now = flags[depth];
  if (how == 2)
    now |= value;
  else if (how == 3)
    now = static_cast<std::uint16_t>(now & ~value);
  else
    now = value;
}

void ModeState::Keyboard::restore(std::string& out) const {
  if (flags[0] != 0) append_control(out, "=", flags[0], "u");
  for (std::size_t i = 1; i <= depth; ++i) append_control(out, ">", flags[i], "u");
}

void ModeState::Keyboard::undo(std::string& out) const {
  if (depth > 0) append_control(out, "<", depth, "u");
  if (flags[0] != 0) append_control(out, "=", 0, "u");
}

void ModeState::apply_escape(const ControlParser& parser, std::uint64_t position) {
  if (parser.intermediate() != 0) return;
  switch (parser.final()) {
    case 'c': return hard_reset(position);
    case '=': keypad_ = true; return;
    case '>': keypad_ = false; return;
    default: return;
  }
}

void ModeState::apply_control(const ControlParser& parser, std::uint64_t position) {
  const auto final = parser.final();
  const auto marker = parser.marker();
  if (parser.intermediate() == '!' && marker == 0 && final == 'p') return soft_reset();
  if (parser.intermediate() == ' ' && marker == 0 && final == 'q') {
    cursor_style_ = parser.param(0);
    return;
  }
  if (parser.intermediate() != 0) return;
  if (marker == '?' && (final == 'h' || final == 'l')) {
    for (std::size_t i = 0; i < parser.count(); ++i)
      set_mode(parser.param(i), final == 'h', position);
  } else if (final == 'u') {
    if (marker == '>') keyboard().push(parser.param(0));
    if (marker == '<') keyboard().pop(std::max<std::size_t>(parser.param(0), 1));
    if (marker == '=') keyboard().set(parser.param(0), parser.param(1));
  } else if (marker == '>' && final == 'm' && parser.param(0) == 4) {
    other_keys_ = parser.param(1);
  }
}

bool ModeState::wraps() const {
  constexpr std::uint32_t kWrapBit = 1U << 1;
  static_assert(kModes[1].number == 7);
  return (changed_ & kWrapBit) == 0;
}

void ModeState::set_mode(std::uint16_t number, bool on, std::uint64_t position) {
  if (is_alternate_screen(number)) return set_alternate(on ? number : std::uint16_t{0}, position);
  for (std::size_t i = 0; i < std::size(kModes); ++i) {
    if (kModes[i].number != number) continue;
    const auto bit = std::uint32_t{1} << i;
    changed_ = on != kModes[i].normally_on ? changed_ | bit : changed_ & ~bit;
  }
}

void ModeState::set_alternate(std::uint16_t number, std::uint64_t position) {
  if (alternate_ == 0 && number != 0) entered_at_ = position;
  if (alternate_ != 0 && number == 0) {
    left_at_ = position;
    keyboards_[1] = {};  // nothing tells a terminal what it has for a screen that is not shown
  }
  alternate_ = number;
}

void ModeState::soft_reset() {
  for (std::size_t i = 0; i < std::size(kModes); ++i)
    if (kModes[i].soft) changed_ &= ~(std::uint32_t{1} << i);
  keypad_ = false;
  cursor_style_ = 0;
}

void ModeState::hard_reset(std::uint64_t position) {
  set_alternate(0, position);
  changed_ = 0;
  keypad_ = false;
  cursor_style_ = 0;
  other_keys_ = 0;
  keyboards_ = {};
}

std::string ModeState::restore(std::string_view main, std::string_view alternate) const {
  std::string out(main);
  keyboards_[0].restore(out);
  if (alternate_ != 0) {
    append_mode(out, alternate_, true);
    out += "\x1b[2J\x1b[H";
    out += alternate;
    keyboards_[1].restore(out);
  }
  for (std::size_t i = 0; i < std::size(kModes); ++i)
    if ((changed_ >> i & 1) != 0) append_mode(out, kModes[i].number, !kModes[i].normally_on);
  if (keypad_) out += "\x1b=";
  if (other_keys_ != 0) append_control(out, ">4;", other_keys_, "m");
  if (cursor_style_ != 0) append_control(out, "", cursor_style_, " q");
  return out;
}

std::string ModeState::undo() const {
  std::string out;
  for (std::size_t i = 0; i < std::size(kModes); ++i)
    if ((changed_ >> i & 1) != 0) append_mode(out, kModes[i].number, kModes[i].normally_on);
  if (keypad_) out += "\x1b>";
  if (other_keys_ != 0) out += "\x1b[>4m";
  if (cursor_style_ != 0) out += "\x1b[0 q";
  // Leaving the alternate screen brings back the attributes from before it: so plain text is last.
  if (alternate_ != 0) {
    keyboards_[1].undo(out);
    append_mode(out, alternate_, false);
  }
  keyboards_[0].undo(out);
  out += "\x1b(B\x1b[m\x1b[?25h";
  return out;
}

std::string ModeState::undo_all() {
  // Where the alternate screen is not in use, to leave it brings the cursor to where it was saved.
  std::string out(
      "\x18\x1b"
      "7");
  ModeState all;
  all.changed_ = (1U << std::size(kModes)) - 1;
  all.alternate_ = 1049;
  all.cursor_style_ = all.other_keys_ = 1;
  all.keypad_ = true;
  for (auto& keyboard : all.keyboards_) keyboard.flags[0] = 1;
  return out + all.undo();
}

void TerminalModes::feed(std::span<const std::uint8_t> output) {
  const auto* at = output.data();
  const auto* const end = at + output.size();
  while (at != end) {
    if (parser_.in_text()) {
      const auto left = static_cast<std::size_t>(end - at);
      at = static_cast<const std::uint8_t*>(std::memchr(at, ControlParser::kEscapeByte, left));
      if (at == nullptr) break;
    }
    const auto position = fed_ + static_cast<std::uint64_t>(at - output.data()) + 1;
    const auto event = parser_.step(*at++);
    if (event == ControlParser::Event::kEscape) apply_escape(parser_, position);
    if (event == ControlParser::Event::kControl) apply_control(parser_, position);
  }
  fed_ += output.size();
}

}  // namespace ptyd
