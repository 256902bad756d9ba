// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "common/message.hpp"

namespace ptyd {

// One line for one event of the protocol, printable, without the line end. Begins with the time.
std::string event_line(const Json& event);
// "3 of 5 sessions left, 4min 30s until the end is forced".
std::string drain_progress(const Json& event);

}  // namespace ptyd
