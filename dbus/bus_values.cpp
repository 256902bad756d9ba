// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/bus_values.hpp"

#include <algorithm>

namespace ptyd {
namespace {

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// "bad-request" → "BadRequest"
std::string camel_case(const std::string& code) {
  std::string out;
  bool start = true;
  for (const char c : code) {
    if (c != '-') out += start ? upper(c) : c;
    start = c == '-';
  }
  return out;
}

}  // namespace

sdbus::ObjectPath session_path(const std::string& id) {
  return sdbus::ObjectPath(std::string(kManagerPath) + "/session/" + id);
}

sdbus::Error bus_error(const Error& error) {
  return sdbus_compat::make_error("org.ptyd1.Error." + camel_case(to_string(error.code)),
                                  bus_text(error.message));
}

std::string bus_text(const std::string& text) {
  const bool valid = is_valid_utf8(text) && text.find('\0') == std::string::npos;
  return valid ? text : printable(text);
}

std::uint64_t bus_time(const std::optional<WallTime>& time) {
  return time ? static_cast<std::uint64_t>(std::max<std::int64_t>(0, to_us(*time))) : 0;
}

}  // namespace ptyd
