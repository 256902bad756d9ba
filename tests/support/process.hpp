// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

#include "tests/support/child.hpp"
#include "tests/support/reader.hpp"

namespace ptyd::test {

struct ProcessOptions {
  Environment environment{};
  std::string cwd{};
  bool with_stdin = false;  // else it reads /dev/null
};

// A program with its output collected through pipes.
class Process {
 public:
  explicit Process(const Arguments& arguments, const ProcessOptions& options = {});

  Child& child() { return child_; }
  [[nodiscard]] const Output& out() const { return out_; }
  [[nodiscard]] const Output& err() const { return err_; }
  std::optional<ExitResult> wait_exit(std::chrono::milliseconds timeout = kPatience) {
    return child_.wait_exit(timeout);
  }
  bool signal(int number) { return child_.signal(number); }
  // Waits for the program to take it. False when it no longer reads.
  bool write_stdin(std::string_view text);
  void close_stdin() { in_.reset(); }

 private:
  struct Pipe {
    Pipe();
    UniqueFd read, write;
  };
  Process(const Arguments& arguments, const ProcessOptions& options, Pipe in, Pipe out, Pipe err);

  UniqueFd in_;
  UniqueFd out_fd_, err_fd_;
  Output out_, err_;
  Child child_;
  Reader out_reader_, err_reader_;
};

struct RunResult {
  int status = -1;  // as a shell's $?; -1 when it had to be killed after kPatience
  std::string out, err;
};
// Runs a program to its end.
RunResult run(const Arguments& arguments, const ProcessOptions& options = {},
              std::string_view input = {});
// For EXPECT messages.
std::ostream& operator<<(std::ostream& out, const RunResult& result);

}  // namespace ptyd::test
