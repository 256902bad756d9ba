// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

namespace ptyd {

// How many columns a character takes: 0 for one that combines with the character before it or is
// not shown, 1, or 2. What the C library says for UTF-8 (wcwidth(3), C.UTF-8), whatever the locale
// is; every character takes 1 where it has no such locale.
int character_width(char32_t character);

void append_utf8(std::string& out, char32_t character);

// Takes UTF-8 apart, a byte at a time. What is not valid becomes U+FFFD, as Unicode recommends: one
// for each longest piece that could have begun a character.
class Utf8Decoder {
 public:
  static constexpr char32_t kReplacement = 0xfffd;
  struct Result {
    bool complete = false;
    bool again = false;  // the byte ended a piece that was none: a replacement; feed it once more
    char32_t character = 0;
  };
  Result feed(std::uint8_t byte);
  [[nodiscard]] bool begun() const { return left_ > 0; }
  // The bytes of the character that has begun.
  [[nodiscard]] std::string pending() const;
  void reset() { left_ = 0; }

 private:
  char32_t value_ = 0;
  int size_ = 0;
  int left_ = 0;
  std::uint8_t low_ = 0x80, high_ = 0xbf;  // what the next byte may be
};

}  // namespace ptyd
