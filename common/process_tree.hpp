// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <span>
#include <vector>

namespace ptyd {

// All living descendants of a process, parents before children, from /proc/PID/task/*/children
// (CONFIG_PROC_CHILDREN). A snapshot: children made meanwhile may be missing, so whoever ends a
// tree looks again until nothing is left. Bounded at kMaxTreeSize.
// `without` are children of `root` that are left out with all below them.
inline constexpr std::size_t kMaxTreeSize = 100'000;
[[nodiscard]] std::vector<pid_t> descendants(pid_t root, std::span<const pid_t> without = {});

// Its children alone, those that have ended and are not reaped yet too. Complete for the calling
// process, if it has one thread: nobody but itself takes one away.
[[nodiscard]] std::vector<pid_t> children(pid_t parent);

// Sends `signal` to `pid` if it still is a descendant of `root`, and to no stranger whom the number
// may belong to by now: through a pidfd, or directly to a child of the calling process, which must
// not reap it meanwhile in another thread. False when it is gone or not ours, or one of `without`
// or below it.
bool signal_descendant(pid_t root, pid_t pid, int signal, std::span<const pid_t> without = {});

// Whether the process is set to ignore `signal`; false when it is gone.
bool ignores_signal(pid_t pid, int signal);

}  // namespace ptyd
