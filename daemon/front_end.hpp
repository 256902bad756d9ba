// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <string>

#include "daemon/core.hpp"

namespace ptyd {

// A front end beside the socket, for as long as it lives.
class FrontEnd {
 public:
  virtual ~FrontEnd() = default;
};

// org.ptyd1 on the system bus, or for a daemon of a user on the session bus (dbus/). Takes the name
// before it returns. Null, with `problem` set, when there is no bus or the name is taken: that is
// not fatal. A bus that goes away later is logged, and the socket still serves.
std::unique_ptr<FrontEnd> connect_bus(Core& core, bool system_bus, std::string& problem);

}  // namespace ptyd
