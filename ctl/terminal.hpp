// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <termios.h>

#include <optional>

#include "common/protocol.hpp"

namespace ptyd {

// The size of the terminal `fd` is, if it is one that has a valid size.
std::optional<TerminalSize> terminal_size(int fd);

// Puts a terminal into raw mode and gives it back as it was. Never waits for output: a terminal
// that is stopped (^S) can be restored as well.
class RawMode {
 public:
  RawMode() = default;
  ~RawMode() { leave(); }
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;

  // Does nothing for what is no terminal. `fd` must stay open until leave().
  void enter(int fd);
  void leave();
  [[nodiscard]] bool entered() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
  termios saved_{};
};

}  // namespace ptyd
