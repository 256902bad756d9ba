// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <set>
#include <string>

#include "web/daemon_link.hpp"
#include "web/web_socket.hpp"

namespace ptyd::web {

// All that a page wants to know beside its terminals: the sessions, first as they are and then what
// becomes of them, the daemon's state, a drain, a stop.
class EventSocket final : public WebSocket {
 public:
  EventSocket(Owner& owner, Stream stream, Grant grant, DaemonLink& link);

  void on_event(const Json& event) override;
  void on_daemon_connected() override { begin_snapshot(); }
  void on_daemon_stopped() override;

 private:
  void on_open() override;
  void on_message(std::span<const std::uint8_t> bytes, bool is_text) override;
  void on_sent() override;

  void begin_snapshot();
  void send_sessions(const Json& sessions);
  void begin_state();

  DaemonLink& link_;
  std::set<std::string> shown_;  // ids that the page knows; of a grant for one session
  bool behind_ = false;          // events were left out: all is told anew when there is room
  bool asking_ = false;
};

}  // namespace ptyd::web
