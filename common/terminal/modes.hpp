// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "common/terminal/control_parser.hpp"

namespace ptyd {

// The terminal modes that outlast a screenful: the alternate screen, keys, mouse, paste, focus,
// cursor. With them a terminal that joins later can be brought into the state the output expects,
// and one that leaves can be brought back. Bounded state, no allocation.
class ModeState {
 public:
  // Obeys what `parser` has just told as kEscape or kControl, which ended at `position`.
  void apply_escape(const ControlParser& parser, std::uint64_t position);
  void apply_control(const ControlParser& parser, std::uint64_t position);

  [[nodiscard]] bool alternate_screen() const { return alternate_ != 0; }
  // Whether text goes on in the next line when one is full.
  [[nodiscard]] bool wraps() const;

  // The bytes that put a terminal in its initial state into these modes; the alternate screen is
  // entered and cleared.
  [[nodiscard]] std::string restore() const { return restore({}, {}); }
  // The same, with what draws the main and, if that is in use, the alternate screen in between.
  [[nodiscard]] std::string restore(std::string_view main, std::string_view alternate) const;
  // The bytes that bring a terminal from these modes back: out of the alternate screen (only if it
  // is in it), plain text, cursor visible.
  [[nodiscard]] std::string undo() const;
  // The same from whatever modes a terminal may be in.
  [[nodiscard]] static std::string undo_all();

  // Where the alternate screen was last entered and last left; what lies between was not drawn on
  // the main screen.
  [[nodiscard]] std::uint64_t alternate_entered_at() const { return entered_at_; }
  [[nodiscard]] std::uint64_t alternate_left_at() const { return left_at_; }

 private:
  // The kitty keyboard protocol: a stack of flags over a base, one for each screen.
  struct Keyboard {
    static constexpr std::size_t kMaxDepth = 8;  // more pushes replace the topmost
    std::array<std::uint16_t, kMaxDepth + 1> flags{};
    std::size_t depth = 0;

    void push(std::uint16_t value);
    void pop(std::size_t count);
    void set(std::uint16_t value, std::uint16_t how);
    void restore(std::string& out) const;
    void undo(std::string& out) const;
  };

  void set_mode(std::uint16_t number, bool on, std::uint64_t position);
  void set_alternate(std::uint16_t number, std::uint64_t position);
  void soft_reset();
  void hard_reset(std::uint64_t position);
  [[nodiscard]] Keyboard& keyboard() { return keyboards_[alternate_ == 0 ? 0 : 1]; }

  std::uint32_t changed_ = 0;    // bits, by index in the table of modes: differs from its default
  std::uint16_t alternate_ = 0;  // the mode it was entered by (47, 1047, 1049), or 0
  std::uint16_t cursor_style_ = 0;
  std::uint16_t other_keys_ = 0;  // xterm's modifyOtherKeys
  bool keypad_ = false;
  std::array<Keyboard, 2> keyboards_{};  // main and alternate screen
  std::uint64_t entered_at_ = 0;
  std::uint64_t left_at_ = 0;
};

// Follows a program's output for them. A sequence may be cut anywhere between two pieces. Positions
// count the bytes that were fed.
class TerminalModes : public ModeState {
 public:
  void feed(std::span<const std::uint8_t> output);

 private:
  ControlParser parser_;
  std::uint64_t fed_ = 0;
};

}  // namespace ptyd
