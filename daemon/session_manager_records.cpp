// SPDX-License-Identifier: LGPL-2.1-or-later
// What is known of sessions: read at start-up, kept on disk, forgotten in the end.
#include <signal.h>

#include <algorithm>
#include <utility>

#include "common/service/log.hpp"
#include "daemon/session_host.hpp"
#include "daemon/session_manager.hpp"

namespace ptyd {
namespace {

// By the wall clock, for want of another.
Clock::duration age_of(WallTime then) {
  const auto age = std::chrono::system_clock::now() - then;
  return std::max(Clock::duration(0), std::chrono::duration_cast<Clock::duration>(age));
}

bool process_exists(pid_t pid) { return pid > 0 && (::kill(pid, 0) == 0 || errno != ESRCH); }

}  // namespace

void SessionManager::load() {
  auto loaded = store_.load();
  for (const auto& problem : loaded.problems) log::error("State: " + problem);
  bool recovering = false;
  for (const auto& record : loaded.records) {
    std::string problem;
    const auto session = from_record(record, problem);
    if (!session) {
      const auto id = record.value("id", "");
      auto line = "State: " + store_.folder();
      line.append("/").append(id).append(".json: ").append(problem).append("; ");
      log::error(line.append(store_.set_aside(id)));
      continue;
    }
    registry_.add(session);
    if (session->ended_at) session->ended_since = Clock::now() - age_of(*session->ended_at);
    if (!session->living()) continue;
    const bool rebooted = session->boot_id != boot_id_;
    // A record without the host's pid is of a start that was under way: that host may yet come.
    if (rebooted || (session->host_pid != 0 && !process_exists(session->host_pid))) {
      session->lost_cause = rebooted ? "reboot" : "lost";
      (void)set_state(session, SessionState::kError);
      conclude(session);
    } else {
      (void)host_of(session->id());
      recovering = true;
    }
  }
  if (recovering) recovery_.start(kRecoveryTime);
  load_queue();
}

bool SessionManager::set_state(const SessionPtr& session, SessionState state) {
  if (!session->try_set_state(state)) return false;
  ++session->generation;
  return true;
}

void SessionManager::changed(const SessionPtr& session) {
  ++session->generation;
  store_.mark(session->id());
  for (auto* observer : observers_) observer->on_session_changed(*session);
}

// It has ended, in whatever way, and its state says so.
void SessionManager::conclude(const SessionPtr& session) {
  if (!session->ended_at) session->ended_at = std::chrono::system_clock::now();
  session->ended_since = Clock::now();
  session->viewers = 0;
  session->command_pid = 0;
  session->host_pid = 0;
  changed(session);
  const auto waiters = waiters_.extract(session->id());
  if (!waiters.empty())
    for (const auto& waiter : waiters.mapped())
      if (!waiter.owner.expired()) waiter.done(session);
  forget_oldest(session->uid);
}

// Its end is on disk, or of no interest any more: the host may go, and if it does not, its
// connection is closed.
void SessionManager::release(const SessionPtr& session) {
  if (session->link == nullptr) return;
  session->link->release();
  host_of(session->id()).gone.start(Host::kReleaseTime);
}

void SessionManager::forget(const SessionPtr& session) {
  // Without a record, a crash would have it started again.
  if (!queue_.is_settled(session->id())) return;
  registry_.remove(session->id());
  store_.remove(session->id());
  release(session);
  for (auto* observer : observers_) observer->on_session_removed(*session);
}

void SessionManager::forget_predecessors(const Session& session) {
  for (const auto& other : registry_.named(session.name()))
    if (!other->living() && other->uid == session.uid) forget(other);
}

void SessionManager::forget_oldest(uid_t uid) {
  std::vector<SessionPtr> ended;
  for (const auto& [id, session] : registry_.all())
    if (!session->living() && session->uid == uid) ended.push_back(session);
  if (ended.size() <= config_.store.keep) return;
  std::erase_if(ended, [this](const auto& session) { return hosts_.count(session->id()) != 0; });
  if (ended.size() <= config_.store.keep) return;
  std::sort(ended.begin(), ended.end(),
            [](const auto& a, const auto& b) { return a->ended_at < b->ended_at; });
  ended.resize(ended.size() - config_.store.keep);
  for (const auto& session : ended) forget(session);
}

void SessionManager::forget_old() {
  if (config_.store.keep_for.count() == 0) return;
  std::vector<SessionPtr> old;
  for (const auto& [id, session] : registry_.all())
    if (!session->living() && hosts_.count(id) == 0 &&
        Clock::now() - session->ended_since >= config_.store.keep_for)
      old.push_back(session);
  for (const auto& session : old) forget(session);
}

// What changes all the time (output, last activity) is recorded at the interval.
void SessionManager::refresh_records() {
  for (const auto& [id, host] : hosts_) {
    const auto session = registry_.by_id(id);
    if (!session || !session->living()) continue;
    const auto output = session->output_bytes();
    if (std::exchange(host->recorded_output, output) == output) continue;
    ++session->generation;
    store_.mark(id);
  }
  forget_old();
  refresh_.start(config_.store.interval);
}

std::optional<Store::Snapshot> SessionManager::snapshot(const std::string& id) const {
  const auto session = registry_.by_id(id);
  if (!session) return std::nullopt;
  const auto host = hosts_.find(id);
  if (host != hosts_.end() && host->second->from_queue && !host->second->registered)
    return std::nullopt;
  return Store::Snapshot{to_record(*session), session->generation,
                         session->living() ? nullptr : session->scrollback};
}

void SessionManager::on_saved(const std::string& id, std::uint64_t generation,
                              bool with_scrollback) {
  const auto session = registry_.by_id(id);
  if (!session) return;
  session->saved_generation = generation;
  const auto host = hosts_.find(id);
  if (host != hosts_.end() && host->second->link && std::exchange(host->second->spec_owed, false))
    host->second->link->send_spec(session->spec);
  if (session->living() || session->generation != generation) return;
  if (!store_.leaves_alone(id))
    log::info("Saved session state to " + store_.folder() + "/" + id + ".json",
              {{"PTYD_SESSION_ID", id}});
  if (with_scrollback) session->scrollback.reset();
  release(session);
}

}  // namespace ptyd
