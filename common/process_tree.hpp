// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <vector>

namespace ptyd {

// All living descendants of a process, parents before children, from /proc/PID/task/*/children
// (CONFIG_PROC_CHILDREN). A snapshot: children made meanwhile may be missing, so whoever ends a
// tree looks again until nothing is left. Bounded at kMaxTreeSize.
inline constexpr std::size_t kMaxTreeSize = 100'000;
[[nodiscard]] std::vector<pid_t> descendants(pid_t root);

// Sends `signal` through a pidfd to `pid` if it still is a descendant of `root`: a number read a
// moment ago may by now belong to a stranger. False when it is gone or not ours.
bool signal_descendant(pid_t root, pid_t pid, int signal);

// Whether the process is set to ignore `signal`; false when it is gone.
bool ignores_signal(pid_t pid, int signal);

}  // namespace ptyd
