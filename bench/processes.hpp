// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace ptyd::bench {

// The environment variable by which everything that an instance of a manager starts is found. Not
// PTYD_…: sessions do not get those.
inline constexpr const char* kTag = "BENCH_INSTANCE";

// The processes that have it with this value.
std::vector<pid_t> with_tag(const std::string& value);
// Not what runs in a session.
bool is_manager(pid_t pid);

// The processor time of all their threads until now (/proc/PID/task/TID/schedstat, proc(5)).
std::chrono::nanoseconds cpu_time(const std::vector<pid_t>& processes);
// Their share of the memory they use (Pss of /proc/PID/smaps_rollup), in KiB.
double pss_kib(const std::vector<pid_t>& processes);

}  // namespace ptyd::bench
