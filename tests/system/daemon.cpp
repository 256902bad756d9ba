// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/system/daemon.hpp"

#include <stdexcept>
#include <thread>

namespace ptyd::test {

void start_socket() {
  const auto enabled = systemctl({"enable", "--now", "ptyd.socket"});
  if (enabled.status != 0) throw std::runtime_error("ptyd.socket: " + enabled.err);
  const auto listed = run({kPtyctl, "list"});
  if (listed.status != 0) throw std::runtime_error("ptyctl list: " + listed.err);
}

pid_t daemon_pid() { return std::stoi("0" + unit_property("ptyd.service", "MainPID")); }

testing::AssertionResult wait_daemon_other_than(pid_t pid) {
  const Deadline deadline(kPatience);
  while (!deadline.passed()) {
    const auto now = daemon_pid();
    if (now != 0 && now != pid && unit_property("ptyd.service", "SubState") == "running")
      return testing::AssertionSuccess();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return testing::AssertionFailure() << "no other daemon than " << pid << " runs";
}

ProtocolClient client_of(const std::string& user, const std::string& socket) {
  auto client = connect_as(user, socket);
  if (!client.hello()) throw std::runtime_error("ptyd does not greet " + user);
  return client;
}

std::string session_unit(const std::string& id) { return "ptyd-session-" + id + ".service"; }

}  // namespace ptyd::test
