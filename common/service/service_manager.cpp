// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/service/service_manager.hpp"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace ptyd {

bool is_systemd_service() {
  const char* pid = std::getenv("SYSTEMD_EXEC_PID");
  return pid != nullptr && std::to_string(::getpid()) == pid && ::sd_booted() > 0;
}

ServiceManager::ServiceManager(EventLoop& loop) {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) <= 0) return;
  // Half the time, as sd_watchdog_enabled(3) recommends.
  watchdog_interval_ = std::chrono::microseconds(microseconds / 2);
  watchdog_ = std::make_unique<Timer>(loop, [this] {
    notify("WATCHDOG=1");
    watchdog_->start(watchdog_interval_);
  });
  watchdog_->start(watchdog_interval_);
}

void ServiceManager::notify(const std::string& message) { ::sd_notify(0, message.c_str()); }

void ServiceManager::ready(const std::string& status) {
  last_status_ = status;
  notify("READY=1\nSTATUS=" + status);
}

void ServiceManager::reloading() {
  // Type=notify-reload (systemd 253) wants the time, too.
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch());
  notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()) +
         "\nSTATUS=Reading the configuration again");
}

void ServiceManager::reloaded(const std::string& status) { ready(status); }

void ServiceManager::stopping(const std::string& status) {
  last_status_ = status;
  notify("STOPPING=1\nSTATUS=" + status);
}

void ServiceManager::status(const std::string& status) {
  if (status == last_status_) return;
  last_status_ = status;
  notify("STATUS=" + status);
}

void ServiceManager::extend_timeout(std::chrono::microseconds time) {
  notify("EXTEND_TIMEOUT_USEC=" + std::to_string(time.count()));
}

}  // namespace ptyd
