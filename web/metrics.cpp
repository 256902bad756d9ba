// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/metrics.hpp"

#include "common/version.hpp"

namespace ptyd::web {
namespace {

void add(std::string& text, const char* name, const char* type, std::uint64_t value,
         const std::string& labels = {}) {
  if (type != nullptr) text.append("# TYPE ").append(name).append(" ").append(type).append("\n");
  text.append(name).append(labels).append(" ").append(std::to_string(value)).append("\n");
}

}  // namespace

std::string Metrics::text(bool daemon_connected) const {
  std::string text;
  add(text, "ptyd_web_build_info", "gauge", 1, std::string("{version=\"") + kVersion + "\"}");
  add(text, "ptyd_web_daemon_connected", "gauge", daemon_connected ? 1 : 0);
  for (std::size_t digit = 1; digit < responses.size(); ++digit)
    add(text, "ptyd_web_responses_total", digit == 1 ? "counter" : nullptr, responses[digit],
        "{status=\"" + std::to_string(digit) + "xx\"}");
  add(text, "ptyd_web_refused_total", "counter", refused);
  add(text, "ptyd_web_logins_total", "counter", logins);
  add(text, "ptyd_web_failed_logins_total", "counter", failed_logins);
  add(text, "ptyd_web_connections", "gauge", connections);
  add(text, "ptyd_web_websockets", "gauge", websockets);
  add(text, "ptyd_web_websockets_total", "counter", websockets_total);
  return text;
}

}  // namespace ptyd::web
