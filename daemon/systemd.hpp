// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <string>

#include "common/event_loop.hpp"
#include "daemon/host_starter.hpp"
#include "daemon/paths.hpp"
#include "daemon/result.hpp"

namespace ptyd {

// systemd as the manager of units: the machine's, or for a user's daemon that user's.
class Systemd {
 public:
  virtual ~Systemd() = default;
  // Starts each session host as a unit of its own. Lives as long as this.
  [[nodiscard]] virtual HostStarter& starter() = 0;
  // The type of the job that is under way for the daemon's own unit, such as "stop" or "restart";
  // empty when there is none. Completes within kPatience whatever systemd does.
  virtual void ask_own_job(Completion<std::string> done) = 0;

  static constexpr std::chrono::seconds kPatience{10};
};

// Implemented in dbus/, since systemd is asked over the bus. Connects when it is first needed, and
// again after the bus was gone. `socket_path` is where hosts find the daemon.
std::unique_ptr<Systemd> make_systemd(EventLoop& loop, Scope scope, std::string socket_path);

}  // namespace ptyd
