// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <string>

#include "common/event_loop.hpp"
#include "common/unique_fd.hpp"

namespace ptyd {

// Speaks to the service manager for the main process of a unit: sd_notify(3) and its watchdog,
// without libsystemd. Never waits: what the manager does not take is lost, but for READY=1, which
// is said again until it does.
class UnitNotifier {
 public:
  struct Address {
    std::string notify_socket;  // $NOTIFY_SOCKET; empty: there is nobody to tell
    std::string watchdog_usec;  // $WATCHDOG_USEC, $WATCHDOG_PID
    std::string watchdog_pid;
  };
  static Address from_environment();

  UnitNotifier(EventLoop& loop, Address address);

  void ready();
  void stopping();  // once, however often it is said
  // One line; told when it differs from the last one.
  void status(const std::string& text);

 private:
  bool send(const std::string& message);
  void on_watchdog();

  Address address_;
  UniqueFd socket_;
  bool stopping_ = false;
  std::string status_;
  std::chrono::microseconds watchdog_interval_{0};
  Timer watchdog_;
  Timer ready_again_;
};

}  // namespace ptyd
