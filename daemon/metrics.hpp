// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "common/event_loop.hpp"
#include "daemon/lifecycle.hpp"
#include "daemon/session_manager.hpp"

namespace ptyd {

struct Core;

// Resident memory in bytes, from /proc/self/statm (proc_pid_statm(5)); 0 if that does not say.
std::uint64_t memory_usage();

// What the daemon has counted since its start, and how it is, for monitoring systems. The names are
// stable: docs/metrics.md.
class Metrics final : private SessionObserver, private LifecycleObserver {
 public:
  Metrics(SessionManager& sessions, Lifecycle& lifecycle);
  ~Metrics() override;

  // Once the sessions of earlier daemons are known.
  void begin();
  // In the text format of Prometheus, version 0.0.4. Of all users' sessions: for admins.
  [[nodiscard]] std::string text(const Core& core) const;

 private:
  // Of a session that lives.
  struct Tracked {
    std::optional<Clock::time_point> stop_begun;
  };
  struct Durations {
    std::uint64_t count = 0;
    Clock::duration sum{};
    void add(Clock::duration one) { ++count, sum += one; }
  };

  void on_session_added(const Session& session) override;
  void on_session_changed(const Session& session) override;
  void on_session_removed(const Session& session) override;
  void on_state_changed(DaemonState from, DaemonState to) override;
  void on_drain_progress(const DrainProgress&) override {}

  void count_end(const Session& session, const Tracked& tracked);

  SessionManager& sessions_;
  Lifecycle& lifecycle_;
  std::map<std::string, Tracked> living_;
  std::uint64_t started_ = 0;
  std::map<std::string, std::uint64_t> ended_;  // by how
  std::uint64_t force_killed_ = 0;
  std::uint64_t output_of_ended_ = 0;
  Durations stops_;
  Durations drains_;
  std::optional<Clock::time_point> drain_begun_;
};

}  // namespace ptyd
