// SPDX-License-Identifier: LGPL-2.1-or-later
// The verbs. What becomes of session hosts is in session_manager_hosts.cpp, and what is kept of
// sessions in session_manager_records.cpp.
#include "daemon/session_manager.hpp"

#include <signal.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "common/service/log.hpp"
#include "common/session_name.hpp"
#include "daemon/session_host.hpp"

namespace ptyd {
namespace {

std::string read_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

// The last `lines` lines; a last line without its end counts.
void keep_last_lines(Bytes& bytes, std::uint32_t lines) {
  if (lines == 0 || bytes.empty()) return;
  auto start = bytes.size() - (bytes.back() == '\n' ? 1U : 0U);
  for (std::uint32_t seen = 0; start > 0; --start)
    if (bytes[start - 1] == '\n' && ++seen == lines) break;
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(start));
}

}  // namespace

SessionManager::SessionManager(EventLoop& loop, const Config& config, const std::string& state_dir,
                               HostStarter& starter)
    : loop_(loop),
      config_(config),
      starter_(starter),
      boot_id_(read_boot_id()),
      jobs_(loop),
      recovery_(loop, [this] { on_recovery_over(); }),
      refresh_(loop, [this] { refresh_records(); }),
      users_(loop),
      reader_(loop),
      store_(loop, state_dir, config.store.interval, config.store.scrollback,
             {.snapshot = [this](const std::string& id) { return snapshot(id); },
              .saved = [this](const std::string& id, std::uint64_t generation,
                              bool with_scrollback) { on_saved(id, generation, with_scrollback); },
              .status_changed = [this] { on_store_status_changed(); }}),
      queue_(loop, state_dir, config,
             {.added = [this](const QueueEntry& entry) { on_queue_added(entry); },
              .changed = [this](const QueueEntry& entry,
                                bool removed) { on_queue_changed(entry, removed); },
              .status_changed = [this] { on_store_status_changed(); }}) {
  refresh_.start(config_.store.interval);
}

SessionManager::~SessionManager() {
  // Completions of unanswered requests look the session up no more.
  for (auto& [id, session] : registry_.all()) session->link = nullptr;
}

void SessionManager::add_observer(SessionObserver* observer) { observers_.push_back(observer); }

void SessionManager::remove_observer(SessionObserver* observer) {
  observers_.erase(std::remove(observers_.begin(), observers_.end(), observer), observers_.end());
}

void SessionManager::configure(const Config& config) {
  config_ = config;
  store_.set_limits(config.store.interval, config.store.scrollback);
  queue_.configure(config);
  refresh_.start(config.store.interval);
}

Result<SessionPtr> SessionManager::find_living(const Caller& caller,
                                               std::string_view reference) const {
  auto found = registry_.find(caller, reference);
  if (found && !(*found)->living())
    return Error{ErrorCode::kNotRunning,
                 "session '" + (*found)->name() + "' has ended (" + (*found)->ended_by() + ")"};
  return found;
}

// ---- creating ----

Status SessionManager::may_create(uid_t uid, const CreateRequest& request, bool begun) const {
  if (refusal_ && !(begun && finish_begun_)) {
    auto reason = *refusal_;
    if (request.queue && config_.drain.queue == QueueChoice::kNever)
      reason.message += ", and queues none (drain.queue is never)";
    return reason;
  }
  if (!request.name.empty() && registry_.name_in_use(uid, request.name))
    return Error{ErrorCode::kExists, "there is a session '" + request.name + "' already"};
  if (registry_.living() >= config_.limits.sessions)
    return Error{ErrorCode::kLimit, "there are " + std::to_string(config_.limits.sessions) +
                                        " sessions, the most allowed (limits.sessions)"};
  if (uid != 0 && registry_.living_of(uid) >= config_.limits.sessions_per_user)
    return Error{ErrorCode::kLimit, "you have " + std::to_string(config_.limits.sessions_per_user) +
                                        " sessions, the most allowed (limits.sessions_per_user)"};
  return starter_.may_start(uid);
}

void SessionManager::create(const Caller& caller, const CreateRequest& request,
                            Completion<SessionPtr> done) {
  if (auto good = check(request); !good) return done(good.error());
  if (auto allowed = may_create(caller.uid, request, false); !allowed && !is_to_be_queued(request))
    return done(allowed.error());
  users_.look_up(caller.uid, [this, caller, request, done = std::move(done)](const UserInfo& user) {
    start_named(caller, request, user, done);
  });
}

void SessionManager::start_named(const Caller& caller, CreateRequest request, const UserInfo& user,
                                 Completion<SessionPtr> done) {
  // Again: the look-up took its time.
  const bool queued = is_to_be_queued(request);
  const auto allowed =
      queued ? starter_.may_start(caller.uid) : may_create(caller.uid, request, true);
  if (!allowed) return done(allowed.error());
  const auto session = new_session(caller, std::move(request), user);
  if (queued) return queue_.add(session, std::move(done));
  log::info("Starting session " + session->name() + " for " + caller.label,
            {{"PTYD_SESSION_ID", session->id()},
             {"PTYD_CLIENT", caller.label},
             {"PTYD_REQUEST_ID", caller.request}});
  start(session, std::move(done));
}

SessionPtr SessionManager::new_session(const Caller& caller, CreateRequest request,
                                       const UserInfo& user) const {
  const bool login_shell = request.command.empty();
  if (login_shell) request.command = {user.shell};
  auto session = std::make_shared<Session>();
  session->spec = to_spec(request, config_);
  session->spec.login_shell = login_shell ? 1 : 0;
  session->spec.user_environment = user.environment;
  do {
    session->spec.id = new_session_id();
  } while (registry_.by_id(session->spec.id) || queue_.has(session->spec.id));
  session->spec.name = request.name.empty()
                           ? unused_name(caller.uid, name_for_command(request.command))
                           : request.name;
  session->uid = caller.uid;
  session->user = user.name;
  session->size = request.size;
  session->boot_id = boot_id_;
  session->final_activity = from_us(session->spec.created_at);
  return session;
}

void SessionManager::start(const SessionPtr& session, Completion<SessionPtr> done) {
  session->unit = starter_.unit_of(session->id());
  registry_.add(session);
  auto& host = host_of(session->id());
  host.created = std::move(done);
  host.start_overdue.start(kStartTimeout);
  if (!host.from_queue)
    store_.mark_urgently(session->id());  // a daemon that dies now leaves a session, not a riddle
  starter_.start(*session, [this, session](const Error& error) { fail_start(session, error); });
}

void SessionManager::fail_start(const SessionPtr& session, const Error& error) {
  if (session->started_at || !registry_.by_id(session->id())) return;
  log::warn("Session " + session->name() + " did not start: " + error.message,
            {{"PTYD_SESSION_ID", session->id()}});
  const auto node = hosts_.extract(session->id());
  starter_.abandon(*session);
  session->link = nullptr;
  registry_.remove(session->id());
  // One from the queue may go only after its entry says that it has failed; see on_replayed().
  if (node.empty() || !node.mapped()->from_queue) store_.remove(session->id());
  // One that starts after all must not come back as a session that its creator was told is not.
  if (!node.empty() && node.mapped()->pidfd && !node.mapped()->exited)
    kill_host(*session, node.mapped()->pidfd.get());
  if (!node.empty() && node.mapped()->created) node.mapped()->created(error);
  const auto waiters = waiters_.extract(session->id());
  if (!waiters.empty())
    for (const auto& waiter : waiters.mapped())
      if (!waiter.owner.expired()) waiter.done(error);
  for (auto* observer : observers_) observer->on_session_removed(*session);
}

void SessionManager::restart(const Caller& caller, std::string_view reference,
                             Completion<SessionPtr> done) {
  auto found = registry_.find(caller, reference);
  if (!found) return done(found.error());
  if ((*found)->supervised)
    return done(Error{ErrorCode::kUnsupported,
                      "session '" + (*found)->name() +
                          "' is a service of its own: restart its unit with systemctl"});
  if ((*found)->living()) {
    // Nothing is ended for a session that could not follow.
    if (refusal_) return done(*refusal_);
    if (auto can = starter_.may_start((*found)->uid); !can) return done(can.error());
    if (std::exchange(host_of((*found)->id()).restarting, true))
      return done(Error{ErrorCode::kExists, "this session is being restarted already"});
  }
  const auto again = [this, old = *found, done = std::move(done)](const Result<SessionPtr>& ended) {
    if (!ended) return done(ended.error());
    CreateRequest request;
    request.name = old->name();
    if (auto allowed = may_create(old->uid, request, true); !allowed) return done(allowed.error());
    auto session = std::make_shared<Session>();
    session->spec = old->spec;
    session->spec.id = new_session_id();
    session->spec.created_at = to_us(std::chrono::system_clock::now());
    session->uid = old->uid;
    session->user = old->user;
    session->size = old->size;
    session->boot_id = boot_id_;
    session->final_activity = from_us(session->spec.created_at);
    start(session, done);
  };
  if (!(*found)->living()) return again(*found);
  end(*found);
  // No owner: once the old session is being ended, the new one is owed.
  static const auto kAlways = std::make_shared<int>();
  waiters_[(*found)->id()].push_back({kAlways, again});
}

// ---- using ----

void SessionManager::with_link(const SessionPtr& session, LinkTask task) {
  auto& host = host_of(session->id());
  if (host.link && host.ready) return task(host.link.get());
  if (host.tasks.size() >= Host::kMaxWaitingTasks)
    return task(Error{ErrorCode::kLimit, "too many requests wait for this session"});
  host.tasks.push_back(std::move(task));
  if (!host.no_link.active()) host.no_link.start(kLinkPatience);
}

void SessionManager::attach(const Caller& caller, std::string_view reference,
                            const AttachOptions& options, UniqueFd connection,
                            Completion<Nothing> done) {
  auto found = find_living(caller, reference);
  if (!found) return done(found.error());
  PassClient client;
  client.client = options.client;
  client.uid = caller.uid;
  client.read_only = options.read_only ? 1 : 0;
  client.steal = options.steal ? 1 : 0;
  // A terminal is a channel back to its user: never for a session of somebody else's.
  client.gives_terminal = options.gives_terminal && caller.uid == (*found)->uid ? 1 : 0;
  client.restore = options.restore == Restore::kDefault && options.size ? config_.sessions.restore
                                                                        : options.restore;
  client.resumes = options.position ? 1 : 0;
  client.position = options.position.value_or(0);
  if (options.size) {
    client.rows = options.size->rows;
    client.columns = options.size->columns;
  }
  log::debug("Passing " + caller.label + " to session " + (*found)->name(),
             {{"PTYD_SESSION_ID", (*found)->id()},
              {"PTYD_CLIENT", caller.label},
              {"PTYD_REQUEST_ID", caller.request}});
  // std::function must be copyable.
  auto shared = std::make_shared<UniqueFd>(std::move(connection));
  with_link(*found, [client, shared, done = std::move(done)](Result<HostLink*> link) {
    if (!link) return done(link.error());
    if (!(*link)->pass_client(client, std::move(*shared)))
      return done(Error{ErrorCode::kTimeout, "the session host does not answer"});
    done(Nothing{});
  });
}

void SessionManager::detach(const Caller& caller, std::string_view reference,
                            Completion<std::uint32_t> done) {
  auto found = find_living(caller, reference);
  if (!found) return done(found.error());
  with_link(*found, [done = std::move(done)](Result<HostLink*> link) {
    if (!link) return done(link.error());
    (*link)->detach(done);
  });
}

void SessionManager::send_input(const Caller& caller, std::string_view reference,
                                std::span<const std::uint8_t> data, Completion<Nothing> done) {
  auto found = find_living(caller, reference);
  if (!found) return done(found.error());
  with_link(*found, [bytes = Bytes(data.begin(), data.end()),
                     done = std::move(done)](Result<HostLink*> link) {
    if (!link) return done(link.error());
    (*link)->input(bytes, [done](const Result<std::uint32_t>& answer) {
      if (answer) return done(Nothing{});
      auto error = answer.error();
      if (error.error_number == EAGAIN)
        error = {ErrorCode::kLimit, "the program does not read its input", EAGAIN};
      done(error);
    });
  });
}

void SessionManager::resize(const Caller& caller, std::string_view reference, TerminalSize size,
                            Completion<Nothing> done) {
  auto found = find_living(caller, reference);
  if (!found) return done(found.error());
  if (!is_valid(size))
    return done(
        Error{ErrorCode::kBadRequest,
              "a terminal has 1 to " + std::to_string(kMaxTerminalSide) + " rows and columns"});
  with_link(*found, [size, done = std::move(done)](Result<HostLink*> link) {
    if (!link) return done(link.error());
    (*link)->resize(size, [done](const Result<std::uint32_t>& answer) {
      answer ? done(Nothing{}) : done(answer.error());
    });
  });
}

void SessionManager::kill(const Caller& caller, std::string_view reference, int signal,
                          Completion<Nothing> done) {
  auto found = find_living(caller, reference);
  if (!found) return done(found.error());
  if (signal < 1 || signal > SIGRTMAX)
    return done(Error{ErrorCode::kBadRequest, std::to_string(signal) + " is no signal"});
  log::info(
      "Sending " + signal_name(signal) + " to session " + (*found)->name() + " for " + caller.label,
      {{"PTYD_SESSION_ID", (*found)->id()},
       {"PTYD_SIGNAL", signal_name(signal)},
       {"PTYD_CLIENT", caller.label},
       {"PTYD_REQUEST_ID", caller.request}});
  with_link(*found, [signal, done = std::move(done)](Result<HostLink*> link) {
    if (!link) return done(link.error());
    (*link)->signal(signal, [done](const Result<std::uint32_t>& answer) {
      answer ? done(Nothing{}) : done(answer.error());
    });
  });
}

void SessionManager::capture(const Caller& caller, std::string_view reference,
                             const CaptureOptions& options, Completion<Bytes> done) {
  auto found = registry_.find(caller, reference);
  if (!found) return done(found.error());
  const auto& session = *found;
  if (!options.screen) {
    return capture_by(
        [scrollback = session->scrollback, folder = store_.folder(), id = session->id()] {
          return scrollback ? scrollback->tail(kMaxCapture).bytes
                            : Store::load_scrollback(folder, id);
        },
        options.lines, std::move(done));
  }
  // Its output, which is anybody's, is not worked out here: the host does that while it lives.
  if (auto living = find_living(caller, reference); !living) return done(living.error());
  with_link(session, [this, options, done = std::move(done)](Result<HostLink*> link) {
    if (!link) return done(link.error());
    (*link)->capture(options.style, [this, options, done](Result<UniqueFd> screen) {
      if (!screen) return done(screen.error());
      // std::function must be copyable.
      const auto memory = std::make_shared<UniqueFd>(std::move(*screen));
      capture_by(
          [memory] {
            std::error_code error;
            const auto reader = ScrollbackReader::open(std::move(*memory), error);
            return reader ? reader->tail(kMaxCapture).bytes : Bytes();
          },
          options.lines, done);
    });
  });
}

void SessionManager::capture_by(std::function<Bytes()> read, std::uint32_t lines,
                                Completion<Bytes> done) {
  if (captures_ >= kMaxCaptures)
    return done(Error{ErrorCode::kLimit, "too many captures are under way"});
  ++captures_;
  const auto finish = [this, lines, done = std::move(done)](Bytes bytes) {
    --captures_;
    if (bytes.size() > kMaxCapture)
      bytes.erase(bytes.begin(), bytes.end() - static_cast<std::ptrdiff_t>(kMaxCapture));
    keep_last_lines(bytes, lines);
    done(std::move(bytes));
  };
  auto bytes = std::make_shared<Bytes>();
  reader_.post([bytes, read = std::move(read)] { *bytes = read(); },
               [bytes, finish] { finish(std::move(*bytes)); });
}

void SessionManager::wait(const Caller& caller, std::string_view reference,
                          std::weak_ptr<void> owner, Completion<SessionPtr> done) {
  auto found = registry_.find(caller, reference);
  if (!found) return done(found.error());
  if (!(*found)->living()) return done(*found);
  auto& waiters = waiters_[(*found)->id()];
  // So that those who come, ask and go leave nothing behind.
  waiters.erase(std::remove_if(waiters.begin(), waiters.end(),
                               [](const Waiter& w) { return w.owner.expired(); }),
                waiters.end());
  waiters.push_back({std::move(owner), std::move(done)});
}

void SessionManager::terminate(const Caller& caller, std::string_view reference,
                               std::weak_ptr<void> owner, Completion<SessionPtr> done) {
  auto found = registry_.find(caller, reference);
  if (!found) return done(found.error());
  if ((*found)->living())
    log::info("Ending session " + (*found)->name() + " for " + caller.label,
              {{"PTYD_SESSION_ID", (*found)->id()},
               {"PTYD_CLIENT", caller.label},
               {"PTYD_REQUEST_ID", caller.request}});
  end(*found);
  wait(caller, (*found)->id(), std::move(owner), std::move(done));
}

void SessionManager::end(const SessionPtr& session, std::chrono::milliseconds at_most) {
  if (!session->living()) return;
  auto& host = host_of(session->id());
  const auto timeout = std::min(at_most, std::chrono::milliseconds(session->spec.stop_timeout_ms));
  const auto overdue = timeout + kKillMargin;
  const bool asked = session->state() == SessionState::kStopping;
  const bool has_deadline = host.terminate_overdue.active();
  if (asked && has_deadline && host.terminate_overdue.deadline() <= Clock::now() + overdue) return;
  host.terminate_overdue.start(overdue);
  // Without a link it is told when it registers, and a command that only starts when it has
  // started.
  if (host.link && host.ready) host.link->terminate(timeout, [](const auto&) {});
  if (asked) return;
  log::info("Terminating PTY for session " + session->name() + " (SIGTERM)",
            {{"PTYD_SESSION_ID", session->id()}, {"PTYD_SIGNAL", "SIGTERM"}});
  (void)set_state(session, SessionState::kStopping);
  changed(session);
}

void SessionManager::end_with_daemon(Ending which, std::function<void()> told) {
  for (const auto& [id, session] : registry_.all())
    if (session->ends_with_daemon() &&
        (which == Ending::kAll || session->spec.terminate_on_drain != 0))
      jobs_.add([this, id = id] { end_with_daemon(id); });
  if (told) jobs_.add(std::move(told));
}

void SessionManager::end_with_daemon(const std::string& id) {
  if (const auto session = registry_.by_id(id)) end(session, config_.stop.session_timeout);
}

std::size_t SessionManager::notify_viewers(const Json& event, Viewers who) {
  const auto text = to_text(event);
  std::size_t count = 0;
  for (const auto& [id, session] : registry_.all()) {
    if (who == Viewers::kOfEnding && !session->ends_with_daemon()) continue;
    count += session->viewers;
    // A host without any is not woken for it.
    if (session->viewers != 0 || (session->link != nullptr && session->link->has_passed_client()))
      jobs_.add([this, id = id, text] { notify_viewers_of(id, text); });
  }
  return count;
}

void SessionManager::notify_viewers_of(const std::string& id, const std::string& text) {
  const auto host = hosts_.find(id);
  if (host != hosts_.end() && host->second->link && host->second->ready)
    host->second->link->notice(text);
}

std::size_t SessionManager::viewers() const {
  std::size_t count = 0;
  for (const auto& [id, session] : registry_.all())
    if (session->living()) count += session->viewers;
  return count;
}

Clock::time_point SessionManager::end_deadline() const {
  auto last = Clock::now();
  for (const auto& [id, host] : hosts_) {
    const auto session = registry_.by_id(id);
    if (session && session->ends_with_daemon() && host->terminate_overdue.active())
      last = std::max(last, host->terminate_overdue.deadline());
  }
  return last;
}

}  // namespace ptyd
