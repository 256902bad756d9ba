// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

namespace ptyd {

// Tells the escape sequences (ECMA-48) in a terminal's output from its text, a byte at a time.
class EscapeFilter {
 public:
  // True for a byte that is part of a sequence.
  bool swallow(std::uint8_t byte);
  // True where something may be put in between: neither in a sequence nor in a UTF-8 character.
  [[nodiscard]] bool between_characters() const {
    return state_ == State::kText && continuation_ == 0;
  }

 private:
  enum class State : std::uint8_t { kText, kEscape, kParameters, kString };

  static State after_escape(std::uint8_t byte);

  State state_ = State::kText;
  int continuation_ = 0;  // bytes that the UTF-8 character still lacks
};

}  // namespace ptyd
