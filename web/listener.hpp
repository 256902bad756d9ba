// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/event_loop.hpp"
#include "common/service/listening.hpp"
#include "common/unique_fd.hpp"

namespace ptyd::web {

inline constexpr char kDefaultListen[] = "127.0.0.1:7681";

// The listening sockets, TCP or Unix: those that the service manager passed ($LISTEN_FDS,
// sd_listen_fds(3)), else one of our own.
class Listener {
 public:
  // `address` is of an own one: "127.0.0.1:7681", "[::1]:7681" or a path. Port 0 is any that is
  // free. Nothing but loopback: who is to be reached from elsewhere has a proxy with TLS in front,
  // or is given a socket. Throws std::runtime_error.
  explicit Listener(const std::string& address);
  // Removes the file of an own Unix socket.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void start(EventLoop& loop, std::function<void(UniqueFd)> on_connection);
  // Accepts no more. Who connects to a passed socket waits for the next gateway.
  void stop();
  // "http://127.0.0.1:7681" of an own TCP socket, else empty.
  [[nodiscard]] const std::string& url() const { return url_; }
  // For the log.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  void check_passed();
  void listen_on(const std::string& path);
  void bind_port(const std::string& host, const std::string& port);

  std::vector<UniqueFd> sockets_;
  std::string url_;
  std::string name_;
  std::string path_;
  std::unique_ptr<Acceptor> acceptor_;
};

}  // namespace ptyd::web
