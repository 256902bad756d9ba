// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/protocol.hpp"
#include "common/unique_fd.hpp"
#include "tests/support/deadline.hpp"

namespace ptyd::test {

using Arguments = std::vector<std::string>;
// Changes to the environment of a child; nullopt removes a variable.
using Environment = std::map<std::string, std::optional<std::string>>;

// What a child gets as standard input, output and error.
struct StandardFds {
  int in = -1, out = -1, err = -1;
  std::string terminal;  // instead of them: opened by the child as its controlling terminal
};

// A running program. It is found on PATH unless its name has a slash, starts with no descriptor but
// its standard ones, no blocked or ignored signal, and leads a session of its own when it has a
// terminal. The destructor kills and reaps it. Throws std::system_error when it cannot be started.
class Child {
 public:
  Child(const Arguments& arguments, const Environment& environment, const std::string& cwd,
        const StandardFds& fds);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  [[nodiscard]] bool running();
  // How it ended, or nothing when it has not within `timeout`.
  std::optional<ExitResult> wait_exit(std::chrono::milliseconds timeout = kPatience);
  // False when it has ended already.
  bool signal(int number);

 private:
  pid_t pid_ = 0;
  UniqueFd pidfd_;
  std::optional<ExitResult> result_;
};

// As a shell's $?: the exit status, or 128 and the signal.
int shell_status(const ExitResult& result);

}  // namespace ptyd::test

namespace ptyd {
// For GoogleTest's messages: "exited 1", "SIGKILL".
void PrintTo(const ExitResult& result, std::ostream* out);
}  // namespace ptyd
