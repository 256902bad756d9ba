// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace ptyd {

// Where ptyd-session is: $PTYD_SESSION_PROGRAM, or `configured`, or where it was installed, or
// beside this program, or in the build tree; empty if nowhere.
std::string find_session_program(const std::string& configured);
// The same of ptyd-web, with $PTYD_WEB_PROGRAM. It is a package of its own, so it may be nowhere.
std::string find_web_program();

}  // namespace ptyd
