// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <string>

#include "common/unique_fd.hpp"
#include "daemon/shutdown_watch.hpp"
#include "dbus/bus_connection.hpp"
#include "dbus/bus_opener.hpp"

namespace ptyd {

// systemd-logind on the system bus. Connects at once, and again after the bus was gone.
class LoginWatch final : public ShutdownWatch {
 public:
  static constexpr std::chrono::seconds kConnectAgainAfter{10};

  LoginWatch(EventLoop& loop, Callbacks callbacks);
  ~LoginWatch() override;

  void let_go() override { lock_.reset(); }

 private:
  struct Link;

  void connect();
  void on_opened(BusOpener::Opened& opened);
  void on_lost(const std::string& reason);
  void take_lock();
  void on_prepare_for_shutdown(bool begins);

  EventLoop& loop_;
  const Callbacks callbacks_;
  UniqueFd lock_;  // logind waits until all copies of it are closed
  bool shutting_down_ = false;
  std::unique_ptr<Link> link_;
  Timer connect_again_;
  BusOpener opener_;
};

}  // namespace ptyd
