// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "web/access.hpp"
#include "web/config.hpp"
#include "web/daemon_link.hpp"
#include "web/gate.hpp"
#include "web/metrics.hpp"
#include "web/page.hpp"

namespace ptyd::web {

// What requests are answered with. Of one thread.
struct Services {
  const Config& config;
  const Gate& gate;
  const Page& page;
  AccessFolder& access;
  DaemonLink& link;
  Metrics& metrics;
  bool stopping = false;  // the gateway itself is
};

}  // namespace ptyd::web
