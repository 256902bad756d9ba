// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/spawn.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "session/environment.hpp"

namespace ptyd {
namespace {

constexpr int kReportFd = STDERR_FILENO + 1;

[[noreturn]] void give_up(StartStage stage, int report = kReportFd) {
  const StartFailure failure{stage, errno};
  [[maybe_unused]] const auto n = ::write(report, &failure, sizeof failure);
  ::_exit(127);
}

// Afterwards 0 to 2 are the terminal, kReportFd is close-on-exec, and nothing else is open.
void take_terminal(int terminal, int report) {
  if (::setsid() < 0 || ::ioctl(terminal, TIOCSCTTY, 0) < 0) give_up(StartStage::kTerminal, report);
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::dup2(terminal, fd) < 0) give_up(StartStage::kTerminal, report);
  if (report != kReportFd && ::dup3(report, kReportFd, O_CLOEXEC) < 0)
    give_up(StartStage::kTerminal, report);
  // Where the kernel or a filter has no close_range(2): all of ours are close-on-exec anyway.
  ::close_range(kReportFd + 1, ~0U, 0);
}

void reset_signals() {
  // By the kernel's own call, with more than its structure is on any machine, all zero (SIG_DFL):
  // the C library refuses to touch two signals, which the starter's may have left ignored.
  constexpr std::array<unsigned long, 32> kDefault{};
  constexpr std::size_t kMaskSize = (NSIG - 1) / 8;
  for (int signal = 1; signal < NSIG; ++signal)
    ::syscall(SYS_rt_sigaction, signal, kDefault.data(), nullptr, kMaskSize);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void enter_folder(const SessionSpec& spec, const Environment& environment) {
  if (!spec.cwd.empty()) {
    if (::chdir(spec.cwd.c_str()) < 0) give_up(StartStage::kCwd);
    return;
  }
  // A user without a home folder may have sessions too.
  const std::string home(value_of(environment, "HOME"));
  if ((home.empty() || ::chdir(home.c_str()) < 0) && ::chdir("/") < 0) give_up(StartStage::kCwd);
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  result.reserve(words.size() + 1);
  for (auto& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

[[noreturn]] void become_command(const SessionSpec& spec, int terminal, bool supervised,
                                 int report) {
  take_terminal(terminal, report);
  reset_signals();
  auto environment = session_environment(spec, environ, supervised);
  enter_folder(spec, environment);
  auto command = spec.command;
  const auto program = command.front();
  if (spec.login_shell != 0) command.front() = "-" + program.substr(program.rfind('/') + 1);
  const auto arguments = pointers(command);
  // Set before the search, which must follow the session's own PATH.
  auto variables = pointers(environment);
  environ = variables.data();
  ::execvp(program.c_str(), arguments.data());
  give_up(StartStage::kExec);
}

}  // namespace

const char* to_string(StartStage stage) {
  switch (stage) {
    case StartStage::kSpec: return "spec";
    case StartStage::kScrollback: return "scrollback";
    case StartStage::kTerminal: return "terminal";
    case StartStage::kFork: return "fork";
    case StartStage::kCwd: return "cwd";
    case StartStage::kExec: return "exec";
  }
  return "start";
}

std::optional<Spawned> spawn(const SessionSpec& spec, int terminal, bool supervised,
                             StartFailure& failure) {
  int report[2] = {-1, -1};
  if (::pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0) {
    failure = {StartStage::kFork, errno};
    return std::nullopt;
  }
  UniqueFd reader(report[0]);
  UniqueFd writer(report[1]);
  const pid_t pid = ::fork();
  if (pid < 0) {
    failure = {StartStage::kFork, errno};
    return std::nullopt;
  }
  if (pid == 0) become_command(spec, terminal, supervised, writer.get());
  return Spawned{pid, std::move(reader)};
}

StartReport read_report(int report, StartFailure& failure) {
  StartFailure told;
  const auto n = ::read(report, &told, sizeof told);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return StartReport::kPending;
  if (n == 0) return StartReport::kStarted;  // exec closed the other end
  failure = n == static_cast<ssize_t>(sizeof told) ? told : StartFailure{StartStage::kFork, EIO};
  return StartReport::kFailed;
}

}  // namespace ptyd
