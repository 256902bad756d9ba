// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

namespace ptyd {

inline constexpr std::size_t kMaxSessionName = 64;

// What is wrong with `name` as a session's name, or empty. Names are [A-Za-z0-9_.-]{1,64}, but not
// "." or "..", nor of the form of an id.
std::string session_name_problem(std::string_view name);
// Ids are 16 lower-case hexadecimal digits: fit for file names, unit names and D-Bus paths.
bool is_session_id(std::string_view text);
// Random (getrandom(2)), so that no id is ever used again.
std::string new_session_id();
// A random uuid, as in RFC 4122 version 4.
std::string new_uuid();

}  // namespace ptyd
