// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace ptyd {
// The version of this build, for people and logs. Programs agree on the protocol's version instead.
extern const char* const kVersion;
}  // namespace ptyd
