// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace ptyd {

inline constexpr int kSucceeded = 0;
inline constexpr int kFailed = 1;  // refused or failed
inline constexpr int kBadUsage = 2;
inline constexpr int kSignalBase = 128;  // + the number of the signal that ended a command

}  // namespace ptyd
