// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <string>

#include "common/text.hpp"

namespace ptyd {

// A stretch of time as systemctl words it, in at most two units: "5s", "1min 30s", "3 days",
// "1 month 2 days". Nothing below a second: "0s".
std::string elapsed(std::chrono::seconds time);
// "2min ago"; "now" for less than a second and for clocks that were set back.
std::string relative_time(WallTime time, WallTime now);
// "Sat 2026-01-31 23:59:59 UTC", in the local time zone.
std::string local_time(WallTime time);
// "23:59:59", in the local time zone.
std::string local_clock(WallTime time);

}  // namespace ptyd
