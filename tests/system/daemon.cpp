// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/system/daemon.hpp"

#include <fstream>
#include <stdexcept>
#include <thread>

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
  const Deadline deadline(kPatience);
  while (!deadline.passed()) {
    const auto now = daemon_pid();
    if (now != 0 && now != pid) {
      (void)client_of("root");
      return testing::AssertionSuccess();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return testing::AssertionFailure() << "no other daemon than " << pid << " runs";
}

ProtocolClient client_of(const std::string& user, const std::string& socket) {
  const Deadline deadline(kPatience);
  while (true) {
    auto client = connect_as(user, socket);
    if (client.hello()) return client;
    // By a daemon that ended just then; the next one is on its way.
    if (deadline.passed()) throw std::runtime_error("ptyd does not greet " + user);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

std::string session_unit(const std::string& id) { return "ptyd-session-" + id + ".service"; }

}  // namespace ptyd::test
