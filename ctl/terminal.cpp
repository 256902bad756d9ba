// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/terminal.hpp"

#include <sys/ioctl.h>

namespace ptyd {

std::optional<TerminalSize> terminal_size(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) < 0) return std::nullopt;
  const TerminalSize result{size.ws_row, size.ws_col};
  if (!is_valid(result)) return std::nullopt;
  return result;
}

void RawMode::enter(int fd) {
  if (entered() || ::tcgetattr(fd, &saved_) < 0) return;
  auto raw = saved_;
  ::cfmakeraw(&raw);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  // TCSANOW: the other ways wait until pending output is gone, which may be never.
  if (::tcsetattr(fd, TCSANOW, &raw) == 0) fd_ = fd;
}

void RawMode::leave() {
  if (!entered()) return;
  ::tcsetattr(fd_, TCSANOW, &saved_);
  fd_ = -1;
}

}  // namespace ptyd
