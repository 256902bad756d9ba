// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

namespace ptyd {
// The version of this build, for people and logs. Programs agree on the protocol's version instead.
extern const char* const kVersion;

// What --version says: "ptyctl 0.1.0", and in a second line the protocol and the libraries that the
// program was built with ("libsystemd 252"; empty: none worth a word).
std::string version_text(std::string_view program, std::string_view libraries = {});
}  // namespace ptyd
