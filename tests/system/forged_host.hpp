// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "common/protocol.hpp"
#include "common/session_name.hpp"
#include "common/unix_socket.hpp"
#include "tests/support/protocol_client.hpp"

// Registrations of session hosts that no ptyd has started.
namespace ptyd::test {

inline SessionSpec plausible_spec() {
  SessionSpec spec;
  spec.id = new_session_id();
  spec.name = "forged";
  spec.command = {"sh"};
  spec.term = "xterm";
  spec.scrollback = 64 * 1024;
  spec.stop_timeout_ms = 5000;
  return spec;
}

inline Register plausible_registration(const SessionSpec& spec) {
  Register registration;
  registration.phase = HostPhase::kRunning;
  registration.id = spec.id;
  registration.command_pid = 1;
  registration.terminal = "/dev/null";  // no PTY
  registration.started_at = 1;
  registration.spec = encode(spec);
  return registration;
}

// Sends REGISTER with a descriptor; the code of the refusal, or "" when it is accepted.
inline std::string register_as(ProtocolClient& host, const Register& registration, int fd) {
  const auto frame = encode_frame(Register::kType, encode(registration));
  if (send_with_fd(host.fd(), frame, fd) != static_cast<ssize_t>(frame.size())) return "not sent";
  const auto answer = host.next_frame();
  if (!answer) return "closed";
  if (answer->type == FrameType::kRegistered) return {};
  const auto error = decode<ProtocolError>(answer->payload);
  return error ? error->code : "something else";
}

}  // namespace ptyd::test
