// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <memory>

#include "common/event_loop.hpp"

namespace ptyd {

// Learns of the machine's shutdown before any unit is stopped for it, and holds it up meanwhile.
class ShutdownWatch {
 public:
  struct Callbacks {
    // The machine is about to shut down. It waits for let_go(), if it may be held up.
    std::function<void()> announced;
    // It does not shut down after all.
    std::function<void()> cancelled;
  };

  virtual ~ShutdownWatch() = default;
  // Holds the announced shutdown up no longer.
  virtual void let_go() = 0;
};

// Implemented in dbus/: a delay lock of systemd-logind (org.freedesktop.login1(5), Inhibit), which
// waits for it no longer than InhibitDelayMaxSec of logind.conf(5). Without logind nothing is
// announced; a user's daemon may be refused the lock, and then holds nothing up.
std::unique_ptr<ShutdownWatch> watch_for_shutdown(EventLoop& loop,
                                                  ShutdownWatch::Callbacks callbacks);

}  // namespace ptyd
