// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace ptyd {
// The libraries that the daemon was built with, and their versions then, for people.
extern const char* const kBuiltWith;
}  // namespace ptyd
