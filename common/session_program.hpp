// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace ptyd {

// $PTYD_SESSION_PROGRAM, or `configured`, or where the host was installed, or beside this program,
// or in the build tree; empty if nowhere.
std::string find_session_program(const std::string& configured);

}  // namespace ptyd
