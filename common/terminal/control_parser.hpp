// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ptyd {

// Takes the control sequences (ECMA-48, with xterm's strings) in a program's output apart, a byte
// at a time. Bounded state; a sequence may be cut anywhere between two pieces. An escape character
// always begins a new sequence, also inside a string, as in the DEC parser.
class ControlParser {
 public:
  static constexpr std::uint8_t kEscapeByte = 0x1b;
  static constexpr std::size_t kMaxParams = 32;    // further ones are ignored
  static constexpr std::size_t kMaxString = 1024;  // of a string that is longer, nothing is told

  enum class Event : std::uint8_t {
    kNone,     // more is to come, or it was none that anybody obeys
    kExecute,  // the byte is a control character, to be obeyed in the midst of a sequence
    kEscape,   // ESC, at most one intermediate(), final()
    kControl,  // CSI: marker(), params, at most one intermediate(), final()
    kCommand,  // OSC: string() is all of it
  };

  // Whether what comes next is text, to which ControlParser has nothing to say but to ESC.
  [[nodiscard]] bool in_text() const { return state_ == State::kText; }
  // A byte while not in_text(), or an ESC.
  Event step(std::uint8_t byte);
  // The same for all parameters of a control that come next, which tell nothing; returns where they
  // end. Of colourful output they are the most part.
  const std::uint8_t* take_parameters(const std::uint8_t* at, const std::uint8_t* end);

  [[nodiscard]] std::uint8_t final() const { return final_; }
  [[nodiscard]] std::uint8_t intermediate() const { return intermediate_; }  // 0 or ' ' to '/'
  [[nodiscard]] std::uint8_t marker() const { return marker_; }              // 0 or '<' to '?'
  // Of a control: how many, at least 1; absent ones are 0.
  [[nodiscard]] std::size_t count() const { return param_ < kMaxParams ? param_ + 1 : kMaxParams; }
  [[nodiscard]] std::uint16_t param(std::size_t i) const { return i < count() ? params_[i] : 0; }
  // Whether param(i) was joined to the one before it by a colon.
  [[nodiscard]] bool joined(std::size_t i) const {
    return i < kMaxParams && (colons_ >> i & 1) != 0;
  }
  [[nodiscard]] std::string_view string() const { return string_; }

  // The bytes that bring another parser to where this one is in a sequence; empty in text. Of a
  // string longer than kMaxString, such that the rest of it is ignored.
  [[nodiscard]] std::string_view begun() const {
    return {begun_.data(), in_text() ? 0 : begun_size_};
  }

 private:
  enum class State : std::uint8_t { kText, kEscape, kEscapeRest, kParameters, kCommand, kString };

  Event step_escape(std::uint8_t byte);
  Event step_parameters(std::uint8_t byte);
  Event step_string(std::uint8_t byte);
  void begin_escape();
  void begin_parameters();
  void note(std::uint8_t byte) {
    if (begun_size_ < begun_.size()) begun_[begun_size_++] = static_cast<char>(byte);
  }
  void set_begun(std::string_view bytes);

  State state_ = State::kText;
  bool string_ends_ = false;  // ESC came in a command: with a backslash, that is complete
  bool malformed_ = false;
  std::uint8_t final_ = 0;
  std::uint8_t marker_ = 0;
  std::uint8_t intermediate_ = 0;
  std::size_t param_ = 0;  // the one being read
  std::uint32_t colons_ = 0;
  std::array<std::uint16_t, kMaxParams> params_{};
  bool too_long_ = false;
  std::string string_;
  // What fills it is a string that is too long, or parameters all of which are ignored.
  std::array<char, kMaxString + 16> begun_{};
  std::size_t begun_size_ = 0;
};

}  // namespace ptyd
