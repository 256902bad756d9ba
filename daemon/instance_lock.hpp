// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "common/text.hpp"
#include "common/unique_fd.hpp"

namespace ptyd {

// Who a running daemon is.
struct Identity {
  std::string instance_id;  // a new uuid for each run
  WallTime started_at;
  std::chrono::steady_clock::time_point started;
  std::string socket;
};

// One daemon a runtime folder: an flock(2) on ptyd.lock there, which says who holds it. A crash
// leaves nothing stale, since the kernel drops the lock with the process.
class InstanceLock {
 public:
  // Throws std::runtime_error that says who runs, since when, where and how to stop it; or
  // std::system_error.
  InstanceLock(const std::string& runtime_dir, const Identity& identity);

 private:
  UniqueFd fd_;
};

}  // namespace ptyd
