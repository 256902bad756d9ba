// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <functional>

#include "common/event_loop.hpp"
#include "daemon/instance_lock.hpp"
#include "daemon/lifecycle.hpp"
#include "daemon/log_limit.hpp"
#include "daemon/requests.hpp"
#include "daemon/session_manager.hpp"

namespace ptyd {

class Metrics;

// What a front end (socket, D-Bus) works on. It decodes, asks the core, and replies; what it may be
// asked is decided here and below, never there.
struct Core {
  EventLoop& loop;
  const Identity& identity;
  SessionManager& sessions;
  Lifecycle& lifecycle;
  Requests& requests;
  Metrics& metrics;
  // Connections to the socket, without session hosts and attached clients.
  std::function<std::size_t()> connections = [] { return std::size_t{0}; };
  // For what strangers do wrong, as often as they like.
  LogLimits misdeeds{};
  // Called when their number has changed; the bus's to set.
  std::function<void()> on_connections_changed = [] {};
  // Called when the machine is about to shut down, and waits so long; the bus's to set.
  std::function<void(std::chrono::milliseconds)> on_machine_shutdown =
      [](std::chrono::milliseconds) {};

  // Who is attached somewhere or connected.
  [[nodiscard]] std::size_t client_count() const { return sessions.viewers() + connections(); }
  // The health object of docs/protocol.md, of what the caller may see.
  [[nodiscard]] Json health(const Caller& caller) const;
};

}  // namespace ptyd
