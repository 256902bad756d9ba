// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "ctl/connection.hpp"

namespace ptyd {

struct AttachOptions {
  std::string session;
  bool read_only = false;
  bool steal = false;
  // Whose session it is, as the daemon said: only a process of one's own is given one's terminal.
  std::optional<uid_t> owner{};
  std::string restore{};  // "screen", "tail" or "none"; empty: as the daemon's configuration says
};

struct AttachOutcome {
  std::optional<Failure> refused;  // not attached at all; nothing has been printed
  int exit_status = 0;             // else
};

// Joins standard input and output to a session until it is detached, ends or is lost, and then says
// which on standard error. Takes the connection over. A terminal is in raw mode meanwhile and is
// given back as it was, however this ends.
AttachOutcome attach(Connection& connection, const AttachOptions& options);

}  // namespace ptyd
