// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "web/access.hpp"
#include "web/api.hpp"
#include "web/connection.hpp"
#include "web/daemon_link.hpp"
#include "web/listener.hpp"
#include "web/loop.hpp"
#include "web/services.hpp"
#include "web/web_socket.hpp"

namespace ptyd::web {

// The gateway: takes browsers in, within its limits, and sees them off at the end.
class Server {
 public:
  // What is referred to must outlive it.
  Server(Loop& loop, const Config& config, const Gate& gate, const Page& page, AccessFolder& access,
         Listener& listener);

  void start();
  // Takes nobody in any more, tells all, and calls back when all have gone or kStopTime is over.
  void stop(std::function<void()> on_stopped);

  // As the daemon gives it: what browsers are told to expect.
  static constexpr std::chrono::milliseconds kStopTime{5000};

 private:
  void on_connection(UniqueFd socket);
  std::optional<Response> open_websocket(const Request& request, Stream& stream,
                                         const std::function<void(Response&)>& decorate);
  std::shared_ptr<WebSocket> make_websocket(const Request& request, Stream& stream, Grant grant);
  void broadcast(const Json& event);
  template <typename F>
  void for_each_websocket(F f);
  // Those whose grant was revoked or has expired are sent away.
  void check_grants();
  void check_stopped();

  Loop& loop_;
  const Config& config_;
  AccessFolder& access_;
  Listener& listener_;
  Metrics metrics_;
  DaemonLink link_;
  Services services_;
  Api api_;
  Connection::Owner connection_owner_;
  WebSocket::Owner websocket_owner_;
  std::map<Connection*, std::shared_ptr<Connection>> connections_;
  std::map<WebSocket*, std::shared_ptr<WebSocket>> websockets_;
  std::function<void()> on_stopped_;
  Timer grants_timer_;
  Timer stop_timer_;
};

}  // namespace ptyd::web
