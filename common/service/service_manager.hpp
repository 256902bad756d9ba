// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "common/event_loop.hpp"

namespace ptyd {

// Whether systemd has started this very process ($SYSTEMD_EXEC_PID, systemd.exec(5), since 248).
bool is_systemd_service();

// What is said to the service manager (sd_notify(3)); without one every call does nothing.
class ServiceManager {
 public:
  // Keeps the watchdog fed from the loop, if one was asked for: a loop that hangs starves it.
  explicit ServiceManager(EventLoop& loop);

  void ready(const std::string& status);
  void reloading();
  void reloaded(const std::string& status);
  void stopping(const std::string& status);
  void status(const std::string& status);
  // Asks for so much time from now on, before the unit's timeout counts.
  void extend_timeout(std::chrono::microseconds time);

 private:
  void notify(const std::string& message);

  std::string last_status_;
  std::chrono::microseconds watchdog_interval_{0};
  std::unique_ptr<Timer> watchdog_;
};

}  // namespace ptyd
