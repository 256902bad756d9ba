// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/event_loop.hpp"
#include "daemon/worker.hpp"
#include "dbus/sdbus_compat.hpp"

namespace ptyd {

// Opens connections to a bus on a thread, since the handshake with the bus blocks.
class BusOpener {
 public:
  // For the bus to answer a call.
  static constexpr std::chrono::seconds kCallTimeout{10};

  struct Opened {
    std::unique_ptr<sdbus::IConnection> connection;
    std::unique_ptr<sdbus::IProxy> proxy;  // goes before its connection
    std::string problem;                   // empty: both are there
  };

  explicit BusOpener(EventLoop& loop) : worker_(loop) {}

  // A connection with one proxy. `prepare` registers the proxy's signals, on the thread: their
  // handlers are called from the loop, once the connection is driven by it. `done` is called from
  // the loop, unless this is destroyed before.
  void open(bool system, const char* destination, const char* path,
            std::function<void(sdbus::IProxy&)> prepare, std::function<void(Opened&)> done);

 private:
  Worker worker_;
};

}  // namespace ptyd
