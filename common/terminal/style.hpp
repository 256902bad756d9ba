// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

#include "common/terminal/control_parser.hpp"

namespace ptyd {

// A colour as programs name it: the terminal's default, one of its palette of 256, or red, green
// and blue.
class Colour {
 public:
  constexpr Colour() = default;
  static constexpr Colour palette(std::uint8_t index) { return Colour(kPalette | index); }
  static constexpr Colour rgb(std::uint8_t r, std::uint8_t g, std::uint8_t b) {
    return Colour(kRgb | std::uint32_t{r} << 16 | std::uint32_t{g} << 8 | b);
  }
  [[nodiscard]] bool is_default() const { return value_ == 0; }
  [[nodiscard]] bool is_palette() const { return (value_ & kPalette) != 0; }
  [[nodiscard]] std::uint8_t index() const { return static_cast<std::uint8_t>(value_); }
  [[nodiscard]] std::uint8_t red() const { return static_cast<std::uint8_t>(value_ >> 16); }
  [[nodiscard]] std::uint8_t green() const { return static_cast<std::uint8_t>(value_ >> 8); }
  [[nodiscard]] std::uint8_t blue() const { return static_cast<std::uint8_t>(value_); }
  friend bool operator==(const Colour&, const Colour&) = default;

 private:
  static constexpr std::uint32_t kPalette = 1U << 24;
  static constexpr std::uint32_t kRgb = 1U << 25;
  explicit constexpr Colour(std::uint32_t value) : value_(value) {}
  std::uint32_t value_ = 0;
};

// How a character looks: what "select graphic rendition" (SGR) chooses.
struct CellStyle {
  enum Flag : std::uint16_t {
    kBold = 1 << 0,
    kFaint = 1 << 1,
    kItalic = 1 << 2,
    kBlink = 1 << 3,
    kInverse = 1 << 4,
    kHidden = 1 << 5,
    kStrike = 1 << 6,
    kOverline = 1 << 7,
  };
  Colour foreground, background, underline_colour;
  std::uint16_t flags = 0;
  std::uint16_t underline = 0;  // 0: none, then single, double, curly, dotted, dashed

  // Obeys an SGR sequence.
  void apply(const ControlParser& parser);
  // What is erased keeps the background alone.
  [[nodiscard]] CellStyle erased() const {
    CellStyle style;
    style.background = background;
    return style;
  }
  [[nodiscard]] bool is_plain() const { return *this == CellStyle(); }
  friend bool operator==(const CellStyle&, const CellStyle&) = default;
};

// Appends the SGR sequence that brings a terminal from any style to `style`.
void append_sgr(std::string& out, const CellStyle& style);

}  // namespace ptyd
