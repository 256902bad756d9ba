// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <string>

#include "tests/system/machine.hpp"

// The installed ptyd, as a service of the machine.
namespace ptyd::test {

// `systemctl enable --now ptyd.socket`, and the daemon that its first connection starts.
void start_socket();
// 0 when it does not run. Costs nothing, so that it may be asked all the time.
pid_t daemon_pid();
// Waits until another daemon serves.
testing::AssertionResult wait_daemon_other_than(pid_t pid);
// A client that has exchanged HELLOs, if need be with the next daemon.
ProtocolClient client_of(const std::string& user, const std::string& socket = kSystemSocket);
std::string session_unit(const std::string& id);

}  // namespace ptyd::test
