// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/escape_filter.hpp"

namespace ptyd {
namespace {

constexpr std::uint8_t kEscape = 0x1b, kBell = 0x07, kCancel = 0x18, kSubstitute = 0x1a;

int continuation_after(std::uint8_t byte, int expected) {
  if (byte >= 0xf5) return 0;  // begins no character
  if (byte >= 0xf0) return 3;
  if (byte >= 0xe0) return 2;
  if (byte >= 0xc0) return 1;
  return byte >= 0x80 && expected > 0 ? expected - 1 : 0;
}

}  // namespace

bool EscapeFilter::swallow(std::uint8_t byte) {
  if (byte == kEscape) {
    // Within a string it may begin the terminator ESC \, and ends the string otherwise, too.
    state_ = State::kEscape;
    continuation_ = 0;
    return true;
  }
  if (byte == kCancel || byte == kSubstitute) {
    state_ = State::kText;
    return true;
  }
  switch (state_) {
    case State::kText: continuation_ = continuation_after(byte, continuation_); return false;
    case State::kEscape: state_ = after_escape(byte); return true;
    case State::kParameters:
      if (byte >= 0x40 && byte <= 0x7e) state_ = State::kText;
      return true;
    case State::kString:
      if (byte == kBell) state_ = State::kText;
      return true;
  }
  return false;
}

EscapeFilter::State EscapeFilter::after_escape(std::uint8_t byte) {
  switch (byte) {
    case '[': return State::kParameters;
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_': return State::kString;
    default: return byte >= 0x20 && byte <= 0x2f ? State::kEscape : State::kText;
  }
}

}  // namespace ptyd
