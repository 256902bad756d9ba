// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/leftovers.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>

#include "common/process_tree.hpp"
#include "common/unique_fd.hpp"
#include "tests/support/deadline.hpp"
#include "tests/support/temp_dir.hpp"

namespace ptyd::test {
namespace {

bool matches(pid_t pid, const std::string& program, const std::string& argument) {
  const auto line = read_file("/proc/" + std::to_string(pid) + "/cmdline");
  const std::string ended = '\0' + line;  // each word now begins after a NUL and ends with one
  const auto file = std::filesystem::path(line.c_str()).filename();
  return file == std::filesystem::path(program).filename() &&
         ended.find('\0' + argument + '\0') != std::string::npos;
}

void end_with_descendants(pid_t pid, const std::string& program, const std::string& argument) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  // Looked at again now that the number cannot come to mean another process.
  if (!pidfd || !matches(pid, program, argument)) return;
  const Deadline deadline(kPatience);
  // The host collects its orphans, so they stay its descendants until the last one is gone.
  for (auto tree = descendants(pid); !tree.empty() && !deadline.passed(); tree = descendants(pid)) {
    for (const auto descendant : tree) signal_descendant(pid, descendant, SIGKILL);
    pollfd host{pidfd.get(), POLLIN, 0};
    if (::poll(&host, 1, 5) > 0) return;
  }
  ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
  pollfd host{pidfd.get(), POLLIN, 0};
  ::poll(&host, 1, deadline.poll_timeout());
}

}  // namespace

std::vector<pid_t> find_processes(const std::string& program, const std::string& argument) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc{} && end == name.data() + name.size() && matches(pid, program, argument))
      found.push_back(pid);
  }
  return found;
}

std::size_t end_leftovers(const std::string& program, const std::string& argument) {
  const auto found = find_processes(program, argument);
  for (const auto pid : found) end_with_descendants(pid, program, argument);
  return found.size();
}

}  // namespace ptyd::test
