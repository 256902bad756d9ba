// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "daemon/paths.hpp"
#include "daemon/session.hpp"
#include "dbus/unit_manager.hpp"

namespace ptyd {

// "ptyd-session-ID.service"
std::string session_unit_name(const std::string& id);

// The transient unit that carries a session: `program --socket PATH --id ID`, as the session's
// owner. Neither it nor its journal ever has the session's environment.
UnitProperties session_unit(const Session& session, Scope scope, const std::string& program,
                            const std::string& socket_path);

}  // namespace ptyd
