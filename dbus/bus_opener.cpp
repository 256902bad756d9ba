// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/bus_opener.hpp"

#include <utility>

namespace ptyd {

void BusOpener::open(bool system, const char* destination, const char* path,
                     std::function<void(sdbus::IProxy&)> prepare,
                     std::function<void(Opened&)> done) {
  const auto opened = std::make_shared<Opened>();
  const auto job = [opened, system, destination, path, prepare = std::move(prepare)] {
    try {
      opened->connection =
          system ? sdbus::createSystemBusConnection() : sdbus::createSessionBusConnection();
      opened->connection->setMethodCallTimeout(kCallTimeout);
      opened->proxy = sdbus_compat::make_proxy(*opened->connection, destination, path);
      prepare(*opened->proxy);
      sdbus_compat::finish_registration(*opened->proxy);
    } catch (const sdbus::Error& e) {
      opened->problem = e.getMessage();
    }
  };
  worker_.post(job, [opened, done = std::move(done)] { done(*opened); });
}

}  // namespace ptyd
