// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/terminal/character.hpp"

#include <locale.h>
#include <wchar.h>

namespace ptyd {
namespace {

// Asked only for characters that need it: the tables of the locale take some memory. Never freed.
locale_t utf8_locale() {
  static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return locale;
}

int width_in_locale(char32_t character) {
  const auto locale = utf8_locale();
  if (locale == nullptr) return 1;
  const auto previous = ::uselocale(locale);
  const int width = ::wcwidth(static_cast<wchar_t>(character));
  ::uselocale(previous);
  // -1: not assigned. A terminal shows something all the same.
  return width < 0 ? 1 : width;
}

}  // namespace

int character_width(char32_t character) {
  if (character < 0x20 || (character >= 0x7f && character < 0xa0) || character == 0xad)
    return character == 0xad ? 1 : 0;
  if (character < 0x300) return 1;
  return width_in_locale(character);
}

void append_utf8(std::string& out, char32_t character) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (character < 0x80) return put(character);
  if (character < 0x800) {
    put(0xc0 | character >> 6);
  } else {
    if (character < 0x10000) {
      put(0xe0 | character >> 12);
    } else {
      put(0xf0 | character >> 18);
      put(0x80 | (character >> 12 & 0x3f));
    }
    put(0x80 | (character >> 6 & 0x3f));
  }
  put(0x80 | (character & 0x3f));
}

Utf8Decoder::Result Utf8Decoder::feed(std::uint8_t byte) {
  if (left_ > 0) {
    if (byte < low_ || byte > high_) {
      left_ = 0;
      return {true, true, kReplacement};
    }
    low_ = 0x80;
    high_ = 0xbf;
    value_ = value_ << 6 | (byte & 0x3f);
    return {--left_ == 0, false, value_};
  }
  low_ = 0x80;
  high_ = 0xbf;
  if (byte < 0x80) return {true, false, byte};
  if (byte < 0xc2 || byte > 0xf4) return {true, false, kReplacement};
  size_ = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
  left_ = size_ - 1;
  value_ = byte & (0x7fU >> size_);
  // Not longer than need be, no surrogates, nothing beyond U+10FFFF.
  if (byte == 0xe0) low_ = 0xa0;
  if (byte == 0xed) high_ = 0x9f;
  if (byte == 0xf0) low_ = 0x90;
  if (byte == 0xf4) high_ = 0x8f;
  return {};
}

std::string Utf8Decoder::pending() const {
  std::string bytes;
  if (left_ == 0) return bytes;
  const int have = size_ - left_;
  const unsigned lead = size_ == 2 ? 0xc0U : size_ == 3 ? 0xe0U : 0xf0U;
  bytes += static_cast<char>(lead | value_ >> (6 * (have - 1)));
  for (int i = have - 2; i >= 0; --i) bytes += static_cast<char>(0x80 | (value_ >> (6 * i) & 0x3f));
  return bytes;
}

}  // namespace ptyd
