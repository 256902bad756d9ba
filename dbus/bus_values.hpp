// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/message.hpp"
#include "common/text.hpp"
#include "daemon/session.hpp"
#include "dbus/sdbus_compat.hpp"

namespace ptyd {

inline constexpr char kBusName[] = "org.ptyd1";
inline constexpr char kManagerPath[] = "/org/ptyd1";

sdbus::ObjectPath session_path(const std::string& id);
// org.ptyd1.Error.NotFound for "not-found", and so on, with the message that the socket gives.
sdbus::Error bus_error(const Error& error);
// The text as it is, or printable() when a bus would close the connection for it: D-Bus strings are
// UTF-8 without NUL.
std::string bus_text(const std::string& text);
// Microseconds since 1970; 0 for none.
std::uint64_t bus_time(const std::optional<WallTime>& time);

}  // namespace ptyd
