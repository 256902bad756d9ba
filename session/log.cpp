// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/log.hpp"

#include <poll.h>
#include <unistd.h>

namespace ptyd {

void log_line(const std::string& text) {
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) return;
  const auto line = "ptyd-session: " + text + "\n";
  [[maybe_unused]] const auto n = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace ptyd
