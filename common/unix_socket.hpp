// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/unique_fd.hpp"

namespace ptyd {

// Who connected, as the kernel recorded it at connect() (SO_PEERCRED): never what the peer says.
struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
};

[[nodiscard]] std::error_code peer_credentials(int socket, PeerCredentials& out);
// A pidfd of the process that connected: SO_PEERPIDFD (Linux 6.5), else pidfd_open of its pid.
[[nodiscard]] UniqueFd peer_pidfd(int socket, const PeerCredentials& peer);

// Connects without blocking. EAGAIN: the listener's backlog is full.
[[nodiscard]] UniqueFd connect_unix(const std::string& path, std::error_code& error);
// Both ends non-blocking and close-on-exec.
[[nodiscard]] std::pair<UniqueFd, UniqueFd> unix_socket_pair(std::error_code& error);

// The most descriptors one message may carry: the protocol never sends more than one.
inline constexpr std::size_t kMaxFdsPerMessage = 4;

struct Received {
  ssize_t size = 0;  // 0 at end of stream; -1 with error set
  std::error_code error;
  bool too_many_fds = false;  // the kernel dropped some: the sender broke the protocol
};
// Appends descriptors (close-on-exec) to fds.
[[nodiscard]] Received receive(int socket, std::span<std::uint8_t> into,
                               std::vector<UniqueFd>& fds);
// Sends without blocking and without SIGPIPE; `fd` (or -1) goes with the first byte.
[[nodiscard]] ssize_t send_with_fd(int socket, std::span<const std::uint8_t> bytes, int fd);

}  // namespace ptyd
