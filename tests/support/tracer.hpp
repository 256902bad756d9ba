// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace ptyd::test {

// What is done to system calls, as strace(1) has it.
struct Injection {
  std::string calls;  // "openat", or several: "clone,clone3"
  std::string what;   // "error=EIO", "signal=KILL", "delay_enter=1s"
  std::string when;   // "3" of each thread, "1+" all; empty: all
  // Of those calls the ones on these files alone, if any are given.
  std::vector<std::string> paths{};
};
// As arguments of strace.
Arguments strace_options(const Injection& injection);

// Does something to the system calls of a process that runs, in all its threads, but not in what it
// starts. It is let go by the destructor at the latest.
class Tracer {
 public:
  // Returns once all its threads are traced; throws std::runtime_error when that cannot be.
  Tracer(pid_t pid, const Injection& injection);

  // Lets the process go; how many calls something was done to.
  int finish();
  // The same so far.
  [[nodiscard]] int count() const;

 private:
  std::unique_ptr<Process> strace_;
};

}  // namespace ptyd::test
