// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/metrics.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <utility>

#include "common/version.hpp"
#include "daemon/core.hpp"

namespace ptyd {
namespace {

std::string seconds(Clock::duration duration) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.6f", std::chrono::duration<double>(duration).count());
  return text.data();
}

// Families of samples, each with what it is.
class Exposition {
 public:
  void family(const char* name, const char* type, const char* help) {
    name_ = name;
    text_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
    text_.append(name).append(" ").append(type).append("\n");
  }
  void sample(const std::string& value, const char* suffix = "") {
    text_.append(name_).append(suffix).append(" ").append(value).append("\n");
  }
  void sample(std::uint64_t value, const char* suffix = "") {
    sample(std::to_string(value), suffix);
  }
  // Labels' values are names of ours: nothing in them needs an escape.
  void labelled(const char* label, const std::string& of, const std::string& value,
                const char* suffix = "") {
    text_.append(name_).append(suffix).append("{").append(label).append("=\"").append(of);
    text_.append("\"} ").append(value).append("\n");
  }
  void labelled(const char* label, const std::string& of, std::uint64_t value) {
    labelled(label, of, std::to_string(value));
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

void add_daemon(Exposition& out, const Core& core) {
  out.family("ptyd_build_info", "gauge", "The version that runs.");
  out.labelled("version", kVersion, 1);
  out.family("ptyd_start_time_seconds", "gauge", "When the daemon started, since 1970.");
  out.sample(static_cast<std::uint64_t>(to_us(core.identity.started_at) / 1'000'000));
  out.family("ptyd_state", "gauge", "1 for the state that the daemon is in.");
  for (const auto state : {DaemonState::kStarting, DaemonState::kRunning, DaemonState::kDraining,
                           DaemonState::kStopping, DaemonState::kStopped})
    out.labelled("state", to_string(state), core.lifecycle.state() == state ? 1 : 0);
  out.family("ptyd_memory_bytes", "gauge", "Resident memory of the daemon.");
  out.sample(memory_usage());
  out.family("ptyd_loop_lag_max_seconds", "gauge",
             "The longest time that the event loop was busy with one turn.");
  out.sample(seconds(core.loop.longest_turn()));
  out.family("ptyd_clients", "gauge", "Who is connected to the daemon or attached to a session.");
  out.labelled("kind", "connected", core.connections());
  out.labelled("kind", "attached", core.sessions.viewers());
}

void add_sessions(Exposition& out, const Registry& registry) {
  std::map<SessionState, std::uint64_t> of_state;
  for (const auto& [id, session] : registry.all()) ++of_state[session->state()];
  out.family("ptyd_sessions", "gauge", "Sessions known, by state.");
  for (const auto state : {SessionState::kStarting, SessionState::kActive, SessionState::kIdle,
                           SessionState::kStopping, SessionState::kStopped, SessionState::kError})
    out.labelled("state", to_string(state), of_state[state]);
}

void add_requests(Exposition& out, const Requests& requests) {
  out.family("ptyd_requests_total", "counter", "Requests taken, by method.");
  for (const auto& [method, counts] : requests.by_method())
    out.labelled("method", method, counts.begun);
  out.family("ptyd_request_seconds", "summary", "From a request to its answer.");
  for (const auto& [method, counts] : requests.by_method()) {
    out.labelled("method", method, seconds(counts.time), "_sum");
    out.labelled("method", method, std::to_string(counts.finished), "_count");
  }
  out.family("ptyd_request_failures_total", "counter", "Requests not done, by the error's code.");
  for (const auto& [code, count] : requests.failures()) out.labelled("code", code, count);
  out.family("ptyd_requests_in_flight", "gauge", "Requests that are owed an answer.");
  out.sample(requests.in_flight());
}

void add_queue(Exposition& out, const Queue& queue) {
  std::map<QueueState, std::uint64_t> of_state;
  for (const auto* entry : queue.visible_to({.uid = 0, .label = {}})) ++of_state[entry->state];
  out.family(
      "ptyd_queue_entries", "gauge",
      "Create requests that wait for the end of a drain or were started after one, by state.");
  for (const auto state :
       {QueueState::kPending, QueueState::kProcessing, QueueState::kCompleted, QueueState::kFailed})
    out.labelled("state", to_string(state), of_state[state]);
}

void add_store(Exposition& out, const Store& store) {
  const auto& counts = store.counts();
  out.family("ptyd_store_ok", "gauge", "1 while state can be saved.");
  out.sample(store.status() == "ok" ? 1 : 0);
  out.family("ptyd_store_records_total", "counter", "Records written.");
  out.sample(counts.records);
  out.family("ptyd_store_failures_total", "counter", "Attempts to save that failed.");
  out.sample(counts.failures);
  out.family("ptyd_store_seconds", "summary", "An attempt to save, of up to 50 sessions.");
  out.sample(seconds(counts.time), "_sum");
  out.sample(counts.attempts, "_count");
  out.family("ptyd_store_max_seconds", "gauge", "The longest attempt to save.");
  out.sample(seconds(counts.longest));
}

}  // namespace

std::uint64_t memory_usage() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Metrics::Metrics(SessionManager& sessions, Lifecycle& lifecycle)
    : sessions_(sessions), lifecycle_(lifecycle) {
  sessions_.add_observer(this);
  lifecycle_.add_observer(this);
}

Metrics::~Metrics() {
  lifecycle_.remove_observer(this);
  sessions_.remove_observer(this);
}

void Metrics::begin() {
  for (const auto& [id, session] : sessions_.registry().all())
    if (session->living()) living_[id];
}

void Metrics::on_session_added(const Session& session) {
  ++started_;
  living_[session.id()];
}

void Metrics::on_session_changed(const Session& session) {
  const auto it = living_.find(session.id());
  if (!session.living()) {
    if (it == living_.end()) return;
    count_end(session, it->second);
    living_.erase(it);
    return;
  }
  // One that was thought lost comes back as living.
  auto& tracked = it == living_.end() ? living_[session.id()] : it->second;
  if (session.state() == SessionState::kStopping && !tracked.stop_begun)
    tracked.stop_begun = Clock::now();
}

void Metrics::on_session_removed(const Session& session) { living_.erase(session.id()); }

void Metrics::count_end(const Session& session, const Tracked& tracked) {
  ++ended_[session.ended_by()];
  if (session.forced) ++force_killed_;
  output_of_ended_ += session.output_bytes();
  if (tracked.stop_begun) stops_.add(Clock::now() - *tracked.stop_begun);
}

void Metrics::on_state_changed(DaemonState from, DaemonState to) {
  if (to == DaemonState::kDraining) drain_begun_ = Clock::now();
  if (from != DaemonState::kDraining || !drain_begun_) return;
  drains_.add(Clock::now() - *drain_begun_);
  drain_begun_.reset();
}

std::string Metrics::text(const Core& core) const {
  Exposition out;
  add_daemon(out, core);
  add_sessions(out, sessions_.registry());
  out.family("ptyd_sessions_started_total", "counter", "Sessions started or adopted.");
  out.sample(started_);
  out.family("ptyd_sessions_ended_total", "counter",
             "Sessions that have ended, by how: exited, a signal, lost or reboot.");
  for (const auto& [how, count] : ended_) out.labelled("how", how, count);
  out.family("ptyd_sessions_force_killed_total", "counter",
             "Sessions of which something was left that had to be ended with SIGKILL.");
  out.sample(force_killed_);
  out.family("ptyd_session_stop_seconds", "summary",
             "From a session's being asked to end to its end.");
  out.sample(seconds(stops_.sum), "_sum");
  out.sample(stops_.count, "_count");
  auto output = output_of_ended_;
  for (const auto& [id, tracked] : living_)
    if (const auto session = sessions_.registry().by_id(id)) output += session->output_bytes();
  out.family("ptyd_session_output_bytes_total", "counter",
             "What the sessions of this daemon have printed, each since it began.");
  out.sample(output);
  out.family("ptyd_drain_seconds", "summary", "Drains that are over, cancelled ones included.");
  out.sample(seconds(drains_.sum), "_sum");
  out.sample(drains_.count, "_count");
  add_requests(out, core.requests);
  add_queue(out, sessions_.queue());
  add_store(out, sessions_.store());
  return out.take();
}

}  // namespace ptyd
