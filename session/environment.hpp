// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/protocol.hpp"

namespace ptyd {

// "NAME=value", in the order they were first set.
using Environment = std::vector<std::string>;

// What the command gets: `inherited` (as environ(7), may be null) without what concerns the host's
// own service or a session around it (of a `supervised` one, whose unit is its own, the unit's
// folders stay), then what the session was created with, then what it must have: HOME, USER,
// LOGNAME, SHELL and PATH if missing, TERM and PTYD_SESSION*.
Environment session_environment(const SessionSpec& spec, const char* const* inherited,
                                bool supervised = false);

// The value of `name`, or empty.
std::string_view value_of(const Environment& environment, std::string_view name);

}  // namespace ptyd
