// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "web/access.hpp"
#include "web/config.hpp"

namespace ptyd::web {

// What `ptyctl web` asks for; it hands its words on to this program.
struct TicketOptions {
  bool read_only = false;
  std::string session;
  std::string expires;  // empty: as configured
  std::string url;      // empty: as configured
  bool token = false;
  bool list = false;
  std::string revoke;  // an id, or "all"
  bool json = false;
};

// Prints a URL, a token or a list; returns the exit status.
int run_ticket(const TicketOptions& options, const Config& config, AccessFolder& access);

}  // namespace ptyd::web
