// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace ptyd {

// One line on stderr, "ptyd-session: …". Left out rather than waited for when nobody reads stderr.
void log_line(const std::string& text);

}  // namespace ptyd
