// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "common/protocol.hpp"
#include "common/unique_fd.hpp"

namespace ptyd {

// What was being done when a command could not be started.
enum class StartStage : std::uint8_t {
  kSpec,        // "spec": what the daemon sent makes no sense
  kScrollback,  // "scrollback"
  kTerminal,    // "terminal": opening the PTY, or making it the controlling terminal
  kFork,        // "fork"
  kCwd,         // "cwd"
  kExec,        // "exec"
};
const char* to_string(StartStage stage);

struct StartFailure {
  StartStage stage = StartStage::kSpec;
  int error = 0;  // errno
};

// A new process that is on its way to becoming the command.
struct Spawned {
  pid_t pid = -1;
  UniqueFd report;  // readable once it is known how it went: see read_report()
};

// Forks. The child leads a session with `terminal` as controlling terminal and as its descriptors
// 0 to 2, has no others, and starts with default signal handling. `supervised`: see
// session_environment().
std::optional<Spawned> spawn(const SessionSpec& spec, int terminal, bool supervised,
                             StartFailure& failure);

enum class StartReport { kPending, kStarted, kFailed };
// Does not block. kStarted: the command's own program runs.
StartReport read_report(int report, StartFailure& failure);

}  // namespace ptyd
