// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace ptyd::web {

// What the gateway counts of itself; docs/metrics.md has the names.
struct Metrics {
  std::array<std::uint64_t, 6> responses{};  // by the first digit of their status
  std::uint64_t refused = 0;                 // by Host or Origin
  std::uint64_t logins = 0;
  std::uint64_t failed_logins = 0;
  std::uint64_t connections = 0;  // open now
  std::uint64_t websockets = 0;   // open now
  std::uint64_t websockets_total = 0;

  // In the text format of Prometheus.
  [[nodiscard]] std::string text(bool daemon_connected) const;
};

}  // namespace ptyd::web
