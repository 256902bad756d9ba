// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/event_loop.hpp"
#include "common/protocol.hpp"
#include "common/terminal/modes.hpp"
#include "ctl/escape_filter.hpp"
#include "ctl/stream.hpp"

namespace ptyd {

// Standard output while a session is shown on it: passes the session's bytes through unchanged,
// puts ptyd's own lines between them, and leaves the terminal as it found it.
class AttachScreen {
 public:
  struct Callbacks {
    std::function<void()> on_written;  // pending() became less
    std::function<void()> on_failed;   // the terminal or reader is gone
  };
  AttachScreen(EventLoop& loop, Callbacks callbacks);

  void write(std::span<const std::uint8_t> output);
  [[nodiscard]] std::size_t pending() const { return stream_.pending(); }

  enum class Urgency : std::uint8_t {
    kUnlessFullScreen,  // dropped while a full-screen program is shown
    kAlways,            // then on the bottom line
  };
  // Shows a printable line of ptyd's own; not in the middle of a character or escape sequence, so
  // it may be kept until that is complete. On standard error when the output is no terminal.
  void notify(const std::string& line, Urgency urgency);
  // What notify() would write, for somebody who writes to the terminal instead.
  [[nodiscard]] Show notice(const std::string& line, Urgency urgency) const;
  void update_size();

  // Undoes the terminal modes that the session has set. With `drop_pending`, in the middle of
  // whatever was being written; waits a moment at most.
  void give_back(bool drop_pending);
  // Somebody else wrote to the terminal, and left it in need of these bytes.
  void take_back(const TerminalBack& back);
  // The same, but nobody said so.
  void take_back_from_the_dead();
  // A line on standard error, after give_back() and when the terminal is no longer raw.
  void print_last_line(const std::string& line);

 private:
  void show_notice();
  void put(std::string_view bytes);
  void on_written(std::span<const std::uint8_t> bytes);

  bool terminal_;
  std::uint16_t rows_ = 0, columns_ = 0;
  TerminalModes sent_modes_;     // after all that is in the stream
  TerminalModes written_modes_;  // after what the terminal has taken
  EscapeFilter sent_text_;
  EscapeFilter written_text_;
  bool at_line_start_ = true;
  std::string notice_;  // kept for the next moment between two characters; the last one wins
  Urgency notice_urgency_ = Urgency::kAlways;
  std::optional<std::string> undo_;  // known from take_back()
  std::function<void()> on_progress_;
  OutputStream stream_;
};

}  // namespace ptyd
