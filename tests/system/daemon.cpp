// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/system/daemon.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

#include "common/unique_fd.hpp"
#include "tests/support/temp_dir.hpp"

namespace ptyd::test {

void start_socket() {
  const auto enabled = systemctl({"enable", "--now", "ptyd.socket"});
  if (enabled.status != 0) throw std::runtime_error("ptyd.socket: " + enabled.err);
  const auto listed = run({kPtyctl, "list"});
  if (listed.status != 0) throw std::runtime_error("ptyctl list: " + listed.err);
}

pid_t daemon_pid() {
  std::ifstream processes("/sys/fs/cgroup/system.slice/ptyd.service/cgroup.procs");
  for (pid_t pid = 0; processes >> pid;)
    if (read_file("/proc/" + std::to_string(pid) + "/comm") == "ptyd\n") return pid;
  return 0;
}

testing::AssertionResult wait_daemon_other_than(pid_t pid) {
  // Once it is gone only another one can greet: who connects until then waits in the socket's
  // queue.
  const UniqueFd old(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd gone{old.get(), POLLIN, 0};
  if (old && ::poll(&gone, 1, static_cast<int>(kPatience.count())) != 1)
    return testing::AssertionFailure() << "process " << pid << " does not end";
  (void)client_of("root");
  return testing::AssertionSuccess();
}

ProtocolClient client_of(const std::string& user, const std::string& socket) {
  const Deadline deadline(kPatience);
  while (true) {
    auto client = connect_as(user, socket);
    // If not, it was taken by a daemon that ended just then, and the next one is on its way.
    if (client.hello()) return client;
    if (deadline.passed()) throw std::runtime_error("ptyd does not greet " + user);
  }
}

std::string session_unit(const std::string& id) { return "ptyd-session-" + id + ".service"; }

}  // namespace ptyd::test
