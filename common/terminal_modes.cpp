// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/terminal_modes.hpp"

#include <algorithm>
#include <cstring>

namespace ptyd {
namespace {

constexpr std::uint8_t kEscape = 0x1b;
constexpr std::uint8_t kCancel = 0x18;
constexpr std::uint8_t kSubstitute = 0x1a;

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

void TerminalModes::Keyboard::push(std::uint16_t value) {
  if (depth < kMaxDepth) ++depth;
  flags[depth] = value;
}

void TerminalModes::Keyboard::pop(std::size_t count) {
  // Taking more than there is empties the stack and switches everything off.
  if (count > depth) flags[0] = 0;
  depth -= std::min(count, depth);
}

void TerminalModes::Keyboard::set(std::uint16_t value, std::uint16_t how) {
  auto& now = flags[depth];
  if (how == 2)
    now |= value;
  else if (how == 3)
    now = static_cast<std::uint16_t>(now & ~value);
  else
    now = value;
}

void TerminalModes::Keyboard::restore(std::string& out) const {
  if (flags[0] != 0) append_control(out, "=", flags[0], "u");
  for (std::size_t i = 1; i <= depth; ++i) append_control(out, ">", flags[i], "u");
}

void TerminalModes::Keyboard::undo(std::string& out) const {
  if (depth > 0) append_control(out, "<", depth, "u");
  if (flags[0] != 0) append_control(out, "=", 0, "u");
}

void TerminalModes::feed(std::span<const std::uint8_t> output) {
  const auto* at = output.data();
  const auto* const end = at + output.size();
  while (at != end) {
    if (state_ == State::kText) {
      const auto left = static_cast<std::size_t>(end - at);
      at = static_cast<const std::uint8_t*>(std::memchr(at, kEscape, left));
      if (at == nullptr) break;
    }
    const auto position = fed_ + static_cast<std::uint64_t>(at - output.data()) + 1;
    step(*at++, position);
  }
  fed_ += output.size();
}

void TerminalModes::step(std::uint8_t c, std::uint64_t position) {
  if (c == kEscape) {
    state_ = State::kEscape;
    return;
  }
  if (c == kCancel || c == kSubstitute) {
    state_ = State::kText;
    return;
  }
  if (c < 0x20 || c == 0x7f) return;  // obeyed where it stands; the sequence goes on
  switch (state_) {
    case State::kText: break;
    case State::kEscape:
      if (c == '[') {
        begin_control();
        break;
      }
      state_ = c < 0x30 ? State::kEscapeRest : State::kText;
      if (c == 'c') hard_reset(position);
      if (c == '=') keypad_ = true;
      if (c == '>') keypad_ = false;
      break;
    case State::kEscapeRest:
      if (c >= 0x30) state_ = State::kText;
      break;
    case State::kControl: step_control(c, position); break;
  }
}

void TerminalModes::begin_control() {
  state_ = State::kControl;
  marker_ = 0;
  intermediate_ = 0;
  malformed_ = false;
  param_ = 0;
  params_.fill(0);
}

void TerminalModes::step_control(std::uint8_t c, std::uint64_t position) {
  if (c >= '0' && c <= '9') {
    if (param_ < kMaxParams) {
      const unsigned value = params_[param_] * 10U + (c - static_cast<unsigned>('0'));
      params_[param_] = static_cast<std::uint16_t>(std::min(value, 0xffffU));
    }
  } else if (c == ';' || c == ':') {
    if (param_ < kMaxParams) ++param_;
  } else if (c >= '<' && c <= '?') {
    malformed_ |= marker_ != 0;
    marker_ = c;
  } else if (c < 0x30) {
    malformed_ |= intermediate_ != 0;
    intermediate_ = c;
  } else {
    state_ = State::kText;
    if (c < 0x7f && !malformed_) dispatch(c, position);
  }
}

void TerminalModes::dispatch(std::uint8_t final, std::uint64_t position) {
  if (intermediate_ == '!' && marker_ == 0 && final == 'p') return soft_reset();
  if (intermediate_ == ' ' && marker_ == 0 && final == 'q') {
    cursor_style_ = params_[0];
    return;
  }
  if (intermediate_ != 0) return;
  if (marker_ == '?' && (final == 'h' || final == 'l')) {
    const auto count = std::min(param_ + 1, kMaxParams);
    for (std::size_t i = 0; i < count; ++i) set_mode(params_[i], final == 'h', position);
  } else if (final == 'u') {
    if (marker_ == '>') keyboard().push(params_[0]);
    if (marker_ == '<') keyboard().pop(std::max<std::size_t>(params_[0], 1));
    if (marker_ == '=') keyboard().set(params_[0], params_[1]);
  } else if (marker_ == '>' && final == 'm' && params_[0] == 4) {
    other_keys_ = params_[1];
  }
}

void TerminalModes::set_mode(std::uint16_t number, bool on, std::uint64_t position) {
  if (is_alternate_screen(number)) return set_alternate(on ? number : std::uint16_t{0}, position);
  for (std::size_t i = 0; i < std::size(kModes); ++i) {
    if (kModes[i].number != number) continue;
    const auto bit = std::uint32_t{1} << i;
    changed_ = on != kModes[i].normally_on ? changed_ | bit : changed_ & ~bit;
  }
}

void TerminalModes::set_alternate(std::uint16_t number, std::uint64_t position) {
  if (alternate_ == 0 && number != 0) entered_at_ = position;
  if (alternate_ != 0 && number == 0) left_at_ = position;
  alternate_ = number;
}

void TerminalModes::soft_reset() {
  for (std::size_t i = 0; i < std::size(kModes); ++i)
    if (kModes[i].soft) changed_ &= ~(std::uint32_t{1} << i);
  keypad_ = false;
  cursor_style_ = 0;
}

void TerminalModes::hard_reset(std::uint64_t position) {
  set_alternate(0, position);
  changed_ = 0;
  keypad_ = false;
  cursor_style_ = 0;
  other_keys_ = 0;
  keyboards_ = {};
}

std::string TerminalModes::restore() const {
  std::string out;
  keyboards_[0].restore(out);
  if (alternate_ != 0) {
    append_mode(out, alternate_, true);
    out += "\x1b[2J\x1b[H";
    keyboards_[1].restore(out);
  }
  for (std::size_t i = 0; i < std::size(kModes); ++i)
    if ((changed_ >> i & 1) != 0) append_mode(out, kModes[i].number, !kModes[i].normally_on);
  if (keypad_) out += "\x1b=";
  if (other_keys_ != 0) append_control(out, ">4;", other_keys_, "m");
  if (cursor_style_ != 0) append_control(out, "", cursor_style_, " q");
  return out;
}

std::string TerminalModes::undo() const {
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

}  // namespace ptyd
