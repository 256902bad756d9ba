// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/event_loop.hpp"
#include "common/service/listening.hpp"
#include "common/unique_fd.hpp"

namespace ptyd {

// The listening Unix socket: the one the service manager passed ($LISTEN_FDS, sd_listen_fds(3)),
// else one of our own.
class Listener {
 public:
  // Throws std::runtime_error: what was passed is not one listening Unix stream socket; a live
  // server has `path`; or it cannot be bound. `mode` is of an own socket's file.
  Listener(const std::string& path, unsigned mode);
  // Removes the file of an own socket. A passed one stays, since it is the service manager's: the
  // next connection starts the next daemon.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Accepts from now on.
  void start(EventLoop& loop, std::function<void(UniqueFd)> on_connection);
  // Accepts no more: who connects to a passed socket waits for the next daemon.
  void stop();
  [[nodiscard]] bool passed() const { return passed_; }
  // Where clients find it.
  [[nodiscard]] const std::string& path() const { return path_; }

  // For a daemon that cannot start: tells so those who come to a passed socket within a second,
  // since systemd would otherwise start the next one for them at once, and so on. The destructor
  // does it, too, for a socket on which nothing was accepted.
  static void turn_away();

 private:
  void adopt(UniqueFd fd);

  std::string path_;
  UniqueFd fd_;
  bool passed_ = false;
  std::unique_ptr<Acceptor> acceptor_;
};

}  // namespace ptyd
