// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/core.hpp"

#include <unistd.h>

#include "common/version.hpp"
#include "daemon/metrics.hpp"

namespace ptyd {
namespace {

// In milliseconds, to the microsecond.
double loop_lag_max(const EventLoop& loop) {
  using std::chrono::duration_cast;
  const auto lag = duration_cast<std::chrono::microseconds>(loop.longest_turn());
  return static_cast<double>(lag.count()) / 1000;
}

}  // namespace

Json Core::health(const Caller& caller) const {
  const auto now = std::chrono::system_clock::now();
  std::size_t living = 0;
  std::size_t clients = is_admin(caller) ? connections() : 0;
  const auto visible = sessions.registry().visible_to(caller);
  for (const auto& session : visible) {
    if (!session->living()) continue;
    ++living;
    clients += session->viewers;
  }
  const auto& store = sessions.store_status();
  // The path of a file that cannot be written is for those who can do something about it.
  const auto shown_store = store == "ok" || is_admin(caller) ? store : std::string("error");
  return {
      {"status", store == "ok" ? "ok" : "degraded"},
      {"state", to_string(lifecycle.state())},
      {"pid", ::getpid()},
      {"instanceId", identity.instance_id},
      {"version", kVersion},
      // By the clock that nobody sets.
      {"uptime",
       std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - identity.started).count()},
      {"startedAt", format_utc(identity.started_at)},
      {"timestamp", format_utc(now)},
      {"memoryUsage", memory_usage()},
      {"loopLagMax", loop_lag_max(loop)},
      {"activeSessions", living},
      {"totalSessions", visible.size()},
      {"clients", clients},
      {"queued", sessions.queue().waiting_count(caller)},
      {"store", shown_store},
      {"socket", identity.socket},
  };
}

}  // namespace ptyd
