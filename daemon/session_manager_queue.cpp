// SPDX-License-Identifier: LGPL-2.1-or-later
// Requests that wait for the end of a drain: how they come into the queue, and how they are started
// from it, each exactly once whenever the daemon is killed:
//
//   entry "processing" on disk → host started → host registers → session's record on disk → SPEC
//   → command runs, STARTED → entry "completed" on disk
//
// The command runs only after the SPEC. So with a record it may have been run, and is not run
// again; without one it has not been, and an entry that waits is started.
#include <utility>

#include "common/service/log.hpp"
#include "common/session_name.hpp"
#include "daemon/session_host.hpp"
#include "daemon/session_manager.hpp"

namespace ptyd {

bool SessionManager::is_to_be_queued(const CreateRequest& request) const {
  if (!refusal_) return false;
  // A daemon that is being restarted is followed by one that takes the request itself.
  if (refusal_->code != ErrorCode::kDraining && refusal_->code != ErrorCode::kShuttingDown)
    return false;
  return config_.drain.queue == QueueChoice::kAlways ||
         (request.queue && config_.drain.queue == QueueChoice::kAsked);
}

std::string SessionManager::unused_name(uid_t uid, const std::string& base) const {
  auto name = registry_.unused_name(uid, base);
  // Room for a number, as there.
  const auto stem = base.substr(0, kMaxSessionName - 8) + "-";
  for (int i = 2; queue_.name_in_use(uid, name) || registry_.name_in_use(uid, name); ++i)
    name = stem + std::to_string(i);
  return name;
}

void SessionManager::load_queue() {
  for (const auto& problem : queue_.load()) log::error("Queue: " + problem);
  std::vector<std::string> known;
  for (const auto* entry : queue_.waiting())
    if (registry_.by_id(entry->id()) || has_record(store_.folder(), entry->id()))
      known.push_back(entry->id());
  for (const auto& id : known) note_queued_session(id);
  // Of a start that failed the record goes after its entry says so: the crash came in between.
  for (const auto* entry : queue_.visible_to({.uid = 0, .label = {}})) {
    const auto session = registry_.by_id(entry->id());
    if (entry->state == QueueState::kFailed && session && !session->started_at) forget(session);
  }
}

// There is a session of this id: a crash came between its start and the note of it.
void SessionManager::note_queued_session(const std::string& id) {
  const auto* entry = queue_.find(id);
  if (entry == nullptr || !entry->waiting()) return;
  log::info("Queued session " + entry->session->name() + " was started before",
            {{"PTYD_SESSION_ID", id}}, log::Event::kQueueCompleted);
  queue_.set_state(id, QueueState::kCompleted, {});
}

// ---- starting ----

void SessionManager::replay_queue(bool on) {
  replaying_ = on;
  replay_next();
}

void SessionManager::replay_next() {
  if (!replaying_) return;
  for (const auto* entry : queue_.waiting()) {
    if (replays_.size() >= kMaxReplays) return;
    const auto id = entry->id();
    if (!replays_.insert(id).second) continue;
    const auto start = [this, id] { start_queued(id); };
    if (entry->state == QueueState::kProcessing)
      loop_.post(start);  // begun by an earlier daemon, that did not come far
    else
      queue_.set_state(id, QueueState::kProcessing, {}, start);
  }
}

void SessionManager::start_queued(const std::string& id) {
  const auto* entry = queue_.find(id);
  const bool begins = entry != nullptr && entry->state == QueueState::kProcessing;
  if (!begins || registry_.by_id(id)) {
    // Withdrawn meanwhile; or its host, left over from an earlier daemon, was there first.
    if (begins) return;
    replays_.erase(id);
    return replay_next();
  }
  if (!replaying_) return on_replayed(id, Error{ErrorCode::kShuttingDown, "ptyd drains again"});
  CreateRequest request;
  request.name = entry->session->name();
  if (auto allowed = may_create(entry->uid(), request, false); !allowed)
    return on_replayed(id, allowed.error());
  log::info("Starting queued session " + entry->session->name() + " of " + entry->session->user,
            {{"PTYD_SESSION_ID", id}}, log::Event::kQueueStarting);
  const auto session = prepare_queued(*entry);
  start(session, [this, id](const Result<SessionPtr>& started) { on_replayed(id, started); });
}

// The session of its own that an entry becomes; the entry's stays as it was asked for.
SessionPtr SessionManager::prepare_queued(const QueueEntry& entry) {
  auto session = std::make_shared<Session>(*entry.session);
  session->waits = false;
  session->boot_id = boot_id_;
  session->final_activity = std::chrono::system_clock::now();
  session->spec.created_at = to_us(session->final_activity);
  registry_.add(session);
  host_of(session->id()).from_queue = true;
  return session;
}

// A host that an earlier daemon has started for an entry, and that comes before it is started anew:
// it may as well become the one. Null for any other.
SessionPtr SessionManager::revive_queued(const PeerCredentials& peer, const std::string& id) {
  const auto* entry = queue_.find(id);
  if (!replaying_ || entry == nullptr || entry->state != QueueState::kProcessing ||
      entry->uid() != peer.uid)
    return nullptr;
  CreateRequest request;
  request.name = entry->session->name();
  if (!may_create(entry->uid(), request, false)) return nullptr;
  replays_.insert(id);
  auto session = prepare_queued(*entry);
  session->unit = starter_.unit_of(id);
  auto& host = host_of(id);
  host.created = [this, id](const Result<SessionPtr>& started) { on_replayed(id, started); };
  host.start_overdue.start(kStartTimeout);
  return session;
}

// From here on the host is known by its connection: one that was started beside it is refused, and
// that is no failure of the start.
void SessionManager::owe_spec(const SessionPtr& session, Host& host) {
  starter_.forget(session->id());
  host.registered = true;
  host.spec_owed = true;
  ++session->generation;
  store_.mark_urgently(session->id());
}

void SessionManager::on_replayed(const std::string& id, const Result<SessionPtr>& started) {
  replays_.erase(id);
  const auto* entry = queue_.find(id);
  if (entry == nullptr) return;
  const auto name = entry->session->name();
  if (started) {
    log::info("Queued session " + name + " was started", {{"PTYD_SESSION_ID", id}},
              log::Event::kQueueCompleted);
    queue_.set_state(id, QueueState::kCompleted, {});
  } else if (started.error().code == ErrorCode::kShuttingDown) {
    queue_.set_state(id, QueueState::kPending, {});
  } else {
    log::warn("Queued session " + name + " cannot be started: " + started.error().message,
              {{"PTYD_SESSION_ID", id}}, log::Event::kQueueFailed);
    queue_.set_state(id, QueueState::kFailed, started.error().message,
                     [this, id] { store_.remove(id); });
  }
  loop_.post([this] { replay_next(); });
}

void SessionManager::withdraw_replays() {
  const auto replays = replays_;
  for (const auto& id : replays) {
    const auto host = hosts_.find(id);
    const auto session = registry_.by_id(id);
    if (host == hosts_.end() || !session || host->second->registered) continue;
    fail_start(session, {ErrorCode::kShuttingDown, "ptyd is shutting down"});
  }
}

// ---- keeping and telling ----

void SessionManager::flush(std::function<void(const std::string&)> done) {
  // At the same time: neither is to wait for a disk that the other hangs in.
  struct Both {
    int missing = 2;
    std::string error;
  };
  const auto both = std::make_shared<Both>();
  const auto one_done = [both, done = std::move(done)](const std::string& error) {
    if (both->error.empty()) both->error = error;
    if (--both->missing == 0) done(both->error);
  };
  store_.flush(one_done);
  queue_.flush(one_done);
}

void SessionManager::on_store_status_changed() {
  for (auto* observer : observers_) observer->on_store_status_changed();
}

void SessionManager::on_queue_added(const QueueEntry& entry) {
  log::info("Queued session " + entry.session->name() + " of " + entry.session->user,
            {{"PTYD_SESSION_ID", entry.id()}}, log::Event::kQueued);
  for (auto* observer : observers_) observer->on_queue_added(entry);
  // The drain may have been cancelled while this was being written.
  replay_next();
}

void SessionManager::on_queue_changed(const QueueEntry& entry, bool removed) {
  for (auto* observer : observers_) observer->on_queue_changed(entry, removed);
}

}  // namespace ptyd
