// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <boost/beast/http/status.hpp>
#include <map>
#include <optional>
#include <string>

#include "web/access.hpp"
#include "web/config.hpp"
#include "web/daemon_link.hpp"
#include "web/gate.hpp"
#include "web/metrics.hpp"
#include "web/page.hpp"
#include "web/rate.hpp"

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

// Who asks, by Authorization: Bearer or by cookie; nothing for a stranger.
std::optional<Grant> grant_of(const Request& request, const AccessFolder& access);
// The cookie of the gateway that the request is meant for: browsers do not tell ports apart.
std::string cookie_name(const Request& request);

}  // namespace ptyd::web
