// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gtest/gtest.h>
#include <termios.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "common/unique_fd.hpp"
#include "tests/support/child.hpp"
#include "tests/support/reader.hpp"
#include "tests/support/screen.hpp"

namespace ptyd::test {

struct TerminalOptions {
  int rows = 24, columns = 80;
  Environment environment{};  // TERM is xterm-256color unless set here
  std::string cwd{};
};

// The command under a shell that stays when it has ended, and prints "[status N]" then.
Arguments held(const Arguments& arguments);

// A program on a terminal of its own, with a person's means: to type, and to look at the screen.
class Terminal {
 public:
  explicit Terminal(const Arguments& arguments, const TerminalOptions& options = {});

  Child& child() { return child_; }
  std::optional<ExitResult> wait_exit(std::chrono::milliseconds timeout = kPatience) {
    return child_.wait_exit(timeout);
  }

  // False when the terminal takes no more within kPatience.
  bool type(std::string_view keys);
  // The window changes its size; the program gets SIGWINCH.
  void resize(int rows, int columns);

  // Each of these tells the screen when it fails.
  testing::AssertionResult wait_for_text(const std::string& part,
                                         std::chrono::milliseconds timeout = kPatience) const;
  testing::AssertionResult wait_until(const std::function<bool(const Screen&)>& condition,
                                      const std::string& what,
                                      std::chrono::milliseconds timeout = kPatience) const;
  // For what no longer stands on the screen: all bytes ever printed.
  [[nodiscard]] const Output& raw() const { return raw_; }

  [[nodiscard]] std::string screen_text() const;
  [[nodiscard]] std::string screen_line(int row) const;
  [[nodiscard]] Screen::Cursor cursor() const;
  [[nodiscard]] bool alternate_screen() const;
  // The terminal's modes, as `stty -a` shows them. The kernel resets them when the leader of the
  // terminal's session ends: to see what a program left behind, run it held().
  [[nodiscard]] ::termios termios() const;

 private:
  struct Pty {
    explicit Pty(const TerminalOptions& options);
    UniqueFd master;
    std::string path;
  };

  void on_output(std::string_view piece);

  Pty pty_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  Screen screen_;
  Output raw_;
  std::string answers_;
  Child child_;
  Reader reader_;
};

}  // namespace ptyd::test
