// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>

namespace ptyd {

// The daemon's socket: `given`, else $PTYD_SOCKET, else what --system or --user ask for, else the
// system's for root, and for others their own daemon's if it has one, else the system's. Nothing,
// with `problem` set, when the user's runtime folder is not known.
std::optional<std::string> choose_socket(const std::string& given, bool user, bool system,
                                         std::string& problem);

// One line that says why there is no connection and what to do about it.
std::string connect_problem(const std::string& path, int error_number);

}  // namespace ptyd
