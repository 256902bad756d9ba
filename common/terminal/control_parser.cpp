// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/terminal/control_parser.hpp"

#include <algorithm>
#include <utility>

namespace ptyd {
namespace {

constexpr std::uint8_t kBell = 0x07;
constexpr std::uint8_t kCancel = 0x18;
constexpr std::uint8_t kSubstitute = 0x1a;
constexpr std::uint8_t kDelete = 0x7f;
// Begins a command that no terminal knows, and so ignores whatever follows in it.
constexpr char kUnknownCommand[] = "\x1b]99999;";
constexpr char kUnknownString[] = "\x1b^";

}  // namespace

ControlParser::Event ControlParser::step(std::uint8_t byte) {
  if (byte == kEscapeByte) {
    begin_escape();
    return Event::kNone;
  }
  if (byte == kCancel || byte == kSubstitute) {
    state_ = State::kText;
    return Event::kNone;
  }
  if (state_ == State::kCommand || state_ == State::kString) return step_string(byte);
  if (byte < 0x20) return Event::kExecute;
  if (byte == kDelete) return Event::kNone;
  if (state_ == State::kParameters) return step_parameters(byte);
  return step_escape(byte);
}

void ControlParser::begin_escape() {
  string_ends_ = state_ == State::kCommand;
  if (!string_ends_) begun_size_ = 0;
  if (begun_size_ == begun_.size()) set_begun(kUnknownCommand);
  note(kEscapeByte);
  state_ = State::kEscape;
}

ControlParser::Event ControlParser::step_escape(std::uint8_t byte) {
  const bool completes_string = std::exchange(string_ends_, false) && byte == '\\';
  if (state_ == State::kEscape) {
    set_begun("\x1b");
    intermediate_ = 0;
    malformed_ = false;
  }
  note(byte);
  if (state_ == State::kEscape) switch (byte) {
      case '[': begin_parameters(); return Event::kNone;
      case ']':
        state_ = State::kCommand;
        string_.clear();
        too_long_ = false;
        return Event::kNone;
      case 'P':
      case 'X':
      case '^':
      case '_': state_ = State::kString; return Event::kNone;
      default: break;
    }
  if (byte < 0x30) {
    malformed_ |= intermediate_ != 0;
    intermediate_ = byte;
    state_ = State::kEscapeRest;
    return Event::kNone;
  }
  state_ = State::kText;
  final_ = byte;
  if (completes_string) return too_long_ ? Event::kNone : Event::kCommand;
  return malformed_ || byte >= 0x80 ? Event::kNone : Event::kEscape;
}

void ControlParser::begin_parameters() {
  state_ = State::kParameters;
  marker_ = 0;
  intermediate_ = 0;
  param_ = 0;
  colons_ = 0;
  params_.fill(0);
}

const std::uint8_t* ControlParser::take_parameters(const std::uint8_t* at,
                                                   const std::uint8_t* end) {
  if (state_ != State::kParameters) return at;
  const auto* const begin = at;
  unsigned value = param_ < kMaxParams ? params_[param_] : 0;
  const auto store = [&] {
    if (param_ < kMaxParams) params_[param_] = static_cast<std::uint16_t>(value);
  };
  for (; at != end; ++at) {
    const unsigned digit = *at - static_cast<unsigned>('0');
    if (digit < 10) {
      value = std::min(value * 10 + digit, 0xffffU);
    } else if (*at == ';') {
      store();
      if (param_ < kMaxParams) ++param_;
      value = 0;
    } else {
      break;
    }
  }
  store();
  const auto size = std::min(static_cast<std::size_t>(at - begin), begun_.size() - begun_size_);
  std::copy_n(begin, size, begun_.data() + begun_size_);
  begun_size_ += size;
  return at;
}

ControlParser::Event ControlParser::step_parameters(std::uint8_t byte) {
  if ((byte >= '0' && byte <= '9') || byte == ';') {
    take_parameters(&byte, &byte + 1);
    return Event::kNone;
  }
  note(byte);
  if (byte == ':') {
    if (param_ < kMaxParams) ++param_;
    if (param_ < kMaxParams) colons_ |= 1U << param_;
  } else if (byte >= '<' && byte <= '?') {
    malformed_ |= marker_ != 0;
    marker_ = byte;
  } else if (byte < 0x30) {
    malformed_ |= intermediate_ != 0;
    intermediate_ = byte;
  } else {
    state_ = State::kText;
    final_ = byte;
    return malformed_ || byte >= kDelete ? Event::kNone : Event::kControl;
  }
  return Event::kNone;
}

ControlParser::Event ControlParser::step_string(std::uint8_t byte) {
  const bool command = state_ == State::kCommand;
  if (command && byte == kBell) {
    state_ = State::kText;
    return too_long_ ? Event::kNone : Event::kCommand;
  }
  if (byte < 0x20) return Event::kNone;
  if (begun_size_ == begun_.size()) set_begun(command ? kUnknownCommand : kUnknownString);
  note(byte);
  if (!command) return Event::kNone;
  too_long_ |= string_.size() == kMaxString;
  if (!too_long_) string_ += static_cast<char>(byte);
  return Event::kNone;
}

void ControlParser::set_begun(std::string_view bytes) {
  begun_size_ = bytes.copy(begun_.data(), begun_.size());
}

}  // namespace ptyd
