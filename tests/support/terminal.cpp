// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace ptyd::test {
namespace {

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

void set_size(int fd, int rows, int columns) {
  winsize size{};
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_col = static_cast<unsigned short>(columns);
  checked(::ioctl(fd, TIOCSWINSZ, &size), "TIOCSWINSZ");
}

Environment with_term(Environment environment) {
  environment.emplace("TERM", "xterm-256color");
  return environment;
}

}  // namespace

Arguments held(const Arguments& arguments) {
  Arguments all{"sh", "-c", R"("$@"; echo "[status $?]"; read -r line)", "held"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

Terminal::Pty::Pty(const TerminalOptions& options)
    : master(checked(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), "posix_openpt")) {
  checked(::grantpt(master.get()), "grantpt");
  checked(::unlockpt(master.get()), "unlockpt");
  std::array<char, 64> name{};
  checked(-::ptsname_r(master.get(), name.data(), name.size()), "ptsname");
  path = name.data();
  set_size(master.get(), options.rows, options.columns);
}

Terminal::Terminal(const Arguments& arguments, const TerminalOptions& options)
    : pty_(options),
      screen_(options.rows, options.columns,
              [this](std::string_view answer) { answers_ += answer; }),
      child_(arguments, with_term(options.environment), options.cwd, {-1, -1, -1, pty_.path}),
      reader_(
          pty_.master.get(), [this](std::string_view piece) { on_output(piece); },
          [this] { raw_.end(); }) {}

void Terminal::on_output(std::string_view piece) {
  raw_.append(piece);
  std::string answers;
  {
    const std::lock_guard lock(mutex_);
    screen_.feed(piece);
    answers.swap(answers_);
    changed_.notify_all();
  }
  // A few bytes: if the terminal does not take them, nobody reads them either.
  if (!answers.empty()) [[maybe_unused]]
    const auto n = ::write(pty_.master.get(), answers.data(), answers.size());
}

bool Terminal::type(std::string_view keys) {
  const Deadline deadline(kPatience);
  while (!keys.empty()) {
    const auto n = ::write(pty_.master.get(), keys.data(), keys.size());
    if (n > 0) {
      keys.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
    pollfd event{pty_.master.get(), POLLOUT, 0};
    if (::poll(&event, 1, deadline.poll_timeout()) == 0) return false;
  }
  return true;
}

void Terminal::resize(int rows, int columns) {
  {
    const std::lock_guard lock(mutex_);
    screen_.resize(rows, columns);
  }
  set_size(pty_.master.get(), rows, columns);
}

testing::AssertionResult Terminal::wait_for_text(const std::string& part,
                                                 std::chrono::milliseconds timeout) const {
  return wait_until(
      [&](const Screen& screen) { return screen.text().find(part) != std::string::npos; },
      "\"" + part + "\"", timeout);
}

testing::AssertionResult Terminal::wait_until(const std::function<bool(const Screen&)>& condition,
                                              const std::string& what,
                                              std::chrono::milliseconds timeout) const {
  const Deadline deadline(timeout);
  std::unique_lock lock(mutex_);
  if (changed_.wait_until(lock, deadline.end(), [&] { return condition(screen_); }))
    return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << "the screen has no " << what << " within " << timeout.count() << " ms; it shows:\n"
         << screen_.text();
}

std::string Terminal::screen_text() const {
  const std::lock_guard lock(mutex_);
  return screen_.text();
}

std::string Terminal::screen_line(int row) const {
  const std::lock_guard lock(mutex_);
  return screen_.line(row);
}

Screen::Cursor Terminal::cursor() const {
  const std::lock_guard lock(mutex_);
  return screen_.cursor();
}

bool Terminal::alternate_screen() const {
  const std::lock_guard lock(mutex_);
  return screen_.alternate();
}

::termios Terminal::termios() const {
  ::termios modes{};
  checked(::tcgetattr(pty_.master.get(), &modes), "tcgetattr");
  return modes;
}

}  // namespace ptyd::test
