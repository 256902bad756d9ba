// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/event_loop.hpp"
#include "common/unique_fd.hpp"

namespace ptyd {

// The sockets that the service manager passed ($LISTEN_FDS, sd_listen_fds(3)), close-on-exec and
// non-blocking; of whatever kind. Unsets the variables: our children are not to think that they
// are meant. Throws std::runtime_error.
std::vector<UniqueFd> take_passed_sockets();

// A Unix socket that listens, with a file of that mode. A socket that nobody listens on any more
// gives way. Throws std::runtime_error: a live server has `path`, or something else is there, or it
// cannot be bound.
UniqueFd listen_on_path(const std::string& path, unsigned mode, int backlog);

// Takes in the connections of listening sockets, some in a turn of the loop. Out of descriptors or
// memory, it says so in the log and goes on a little later.
class Acceptor {
 public:
  // `sockets` are not owned, and stay open for longer. Throws std::system_error.
  Acceptor(EventLoop& loop, std::span<const UniqueFd> sockets,
           std::function<void(UniqueFd)> on_connection);
  // No more; may be called from on_connection.
  void stop();

 private:
  void accept(int socket);

  std::function<void(UniqueFd)> on_connection_;
  std::vector<std::unique_ptr<IoWatch>> watches_;
  Timer pause_;
};

}  // namespace ptyd
