// SPDX-License-Identifier: LGPL-2.1-or-later
// The session hosts: their registering, what they report, and their end.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/service/log.hpp"
#include "common/session_name.hpp"
#include "daemon/session_host.hpp"
#include "daemon/session_manager.hpp"

namespace ptyd {
namespace {

std::string describe(const ExitResult& result) {
  return result.kind == EndKind::kExited ? "exited with status " + std::to_string(result.value)
                                         : "was killed by " + signal_name(result.value);
}

// Strangers may say anything about how a command ended.
ExitResult checked_result(EndKind kind, std::int32_t value) {
  if (kind == EndKind::kSignaled) return {kind, value >= 1 && value <= SIGRTMAX ? value : SIGKILL};
  return {EndKind::kExited, value & 0xff};
}

std::shared_ptr<ScrollbackReader> open_scrollback(UniqueFd memfd) {
  std::error_code error;
  auto reader = ScrollbackReader::open(std::move(memfd), error);
  return reader ? std::make_shared<ScrollbackReader>(std::move(*reader)) : nullptr;
}

bool is_running(SessionState state) {
  return state == SessionState::kActive || state == SessionState::kIdle;
}

// A registration that no host of ours can send. The answer is the same as for a session that is not
// there, so that nobody can find out which there are.
Error no_such_session() { return {ErrorCode::kNotFound, "no such session"}; }

}  // namespace

SessionManager::Host& SessionManager::host_of(const std::string& id) {
  auto& host = hosts_[id];
  if (host) return *host;
  const auto session = registry_.by_id(id);
  host = std::make_unique<Host>(
      loop_,
      [this, session] {
        fail_start(session, {ErrorCode::kTimeout, "the session host did not start its command in " +
                                                      format_duration(kStartTimeout)});
      },
      [this, session] { on_host_gone(session); },
      [this, session] { on_terminate_overdue(session); },
      [this, session] {
        const auto it = hosts_.find(session->id());
        if (it == hosts_.end()) return;
        for (const auto& task : std::exchange(it->second->tasks, {}))
          task(Error{ErrorCode::kHostLost, "the session host is not connected"});
      });
  return *host;
}

std::optional<Error> SessionManager::register_host(std::unique_ptr<FrameChannel>& channel,
                                                   const PeerCredentials& peer,
                                                   const Register& registration) {
  auto session = registry_.by_id(registration.id);
  auto memfd = channel->take_fd();
  if (session && session->uid != peer.uid) return no_such_session();
  // Of a session that has been forgotten: its host is on its way out.
  if (!session && hosts_.count(registration.id) != 0) return no_such_session();
  if (session) {
    // One session has one host. A host that comes again before its old connection was seen to end
    // is known by its process.
    const auto it = hosts_.find(session->id());
    if (it != hosts_.end() && it->second->link && session->host_pid != peer.pid)
      return Error{ErrorCode::kExists, "this session has a host"};
  }
  if (registration.phase == HostPhase::kNew) {
    if (!session) session = revive_queued(peer, registration.id);
    if (!session || session->started_at || hosts_.count(session->id()) == 0)
      return no_such_session();
    auto& host = host_of(session->id());
    connect(session, host, std::move(channel), peer);
    host.link->confirm_registration();
    host.from_queue ? owe_spec(session, host) : host.link->send_spec(session->spec);
    return std::nullopt;
  }
  auto scrollback = open_scrollback(std::move(memfd));
  if (!scrollback)
    return Error{ErrorCode::kBadRequest, "the registration brings no valid scrollback"};
  if (!session) {
    Error refusal;
    session = adopt(peer, registration, refusal);
    if (!session) return refusal;
  }
  auto& host = host_of(session->id());
  connect(session, host, std::move(channel), peer);
  host.link->confirm_registration();
  host.registered = true;
  take_over(session, host, registration, std::move(scrollback));
  return std::nullopt;
}

void SessionManager::connect(const SessionPtr& session, Host& host,
                             std::unique_ptr<FrameChannel> channel, const PeerCredentials& peer) {
  host.pidfd = peer_pidfd(channel->fd(), peer);
  host.exited = false;
  host.gone.stop();
  host.exit_watch.reset();
  if (host.pidfd)
    host.exit_watch = try_watch(loop_, host.pidfd.get(), EPOLLIN,
                                [this, session](auto) { on_host_exited(session); });
  if (!host.exit_watch) host.pidfd.reset();  // then its connection alone tells that it lives
  session->host_pid = peer.pid;
  const std::weak_ptr<Session> weak = session;
  // The manager outlives its links, and a link its callbacks; the session is in the registry for as
  // long as it has a host.
  host.link = std::make_unique<HostLink>(
      loop_, std::move(channel),
      HostLink::Callbacks{
          .on_started =
              [this, session](const Started& started, UniqueFd scrollback) {
                on_started(session, started, std::move(scrollback));
              },
          .on_start_failed = [this, session](const StartFailed& m) { on_start_failed(session, m); },
          .on_status = [this, session](const HostStatus& m) { on_status(session, m); },
          .on_ended = [this, session](const HostEnded& m) { on_ended(session, m); },
          .on_closed = [this, session] { on_link_closed(session); }});
  session->link = host.link.get();
}

// A session that no record is left of: its host knows enough to go on with it.
SessionPtr SessionManager::adopt(const PeerCredentials& peer, const Register& registration,
                                 Error& refusal) {
  const auto spec = decode<SessionSpec>(registration.spec);
  if (!spec || spec->id != registration.id || !is_session_id(spec->id) || !is_sound(*spec)) {
    refusal = {ErrorCode::kBadRequest, "this registration describes no session"};
    return nullptr;
  }
  // By hosts, not by living sessions: one whose session has ended takes descriptors, too.
  if (hosts_.size() >= config_.limits.sessions ||
      (peer.uid != 0 && hosts_of(peer.uid) >= config_.limits.sessions_per_user)) {
    refusal = {ErrorCode::kLimit, "there are as many sessions as are allowed"};
    return nullptr;
  }
  auto session = std::make_shared<Session>();
  session->spec = *spec;
  session->spec.name = registry_.unused_name(peer.uid, spec->name);
  session->uid = peer.uid;
  session->user = std::to_string(peer.uid);
  session->size = {spec->rows, spec->columns};
  session->boot_id = boot_id_;
  session->supervised = registration.supervised != 0;
  session->restore_state(SessionState::kActive);
  registry_.add(session);
  const std::initializer_list<log::Field> fields{{"PTYD_SESSION_ID", session->id()}};
  if (session->supervised) {
    log::info("Adopted session " + session->name() + ", a service of uid " + session->user, fields,
              log::Event::kSessionAdopted);
    forget_predecessors(*session);  // a unit that was restarted has one name
  } else {
    log::warn("Adopted session " + session->name() + ", of which there was no record", fields,
              log::Event::kSessionAdopted);
  }
  note_queued_session(session->id());
  for (auto* observer : observers_) observer->on_session_added(*session);
  users_.look_up(peer.uid, [this, session](const UserInfo& user) {
    session->user = user.name;
    if (registry_.by_id(session->id())) changed(session);
  });
  return session;
}

std::size_t SessionManager::hosts_of(uid_t uid) const {
  return static_cast<std::size_t>(std::count_if(hosts_.begin(), hosts_.end(), [&](const auto& h) {
    const auto session = registry_.by_id(h.first);
    return session && session->uid == uid;
  }));
}

void SessionManager::take_over(const SessionPtr& session, Host& host, const Register& registration,
                               std::shared_ptr<ScrollbackReader> scrollback) {
  const auto id = session->id();
  session->scrollback = std::move(scrollback);
  host.ready = true;
  host.start_overdue.stop();
  starter_.forget(id);
  // The daemon, or the link, was gone before it could say STARTED.
  if (session->state() == SessionState::kStarting) (void)set_state(session, SessionState::kActive);
  session->command_pid = static_cast<pid_t>(registration.command_pid);
  session->terminal = printable(registration.terminal).substr(0, 64);
  session->started_at = from_us(registration.started_at);
  session->viewers = registration.viewers;
  log::info(
      "Session " + session->name() + " is here (host " + std::to_string(session->host_pid) + ")",
      {{"PTYD_SESSION_ID", id}});
  if (const auto created = std::exchange(host.created, {})) created(session);
  if (registration.phase == HostPhase::kEnded)
    return on_ended(session, {registration.end_kind, registration.end_value, registration.ended_at,
                              registration.forced});
  if (session->state() == SessionState::kStopped) {
    // The record is final, whatever its host thinks.
    host.link->terminate({}, [](const auto&) {});
    return;
  }
  session->lost_cause.clear();
  session->ended_at.reset();
  if (session->state() == SessionState::kStopping) {
    end(session);  // its deadline went with the daemon that asked
    host.link->terminate({}, [](const auto&) {});
  } else {
    (void)set_state(session, registration.idle != 0 ? SessionState::kIdle : SessionState::kActive);
    if (registration.stopping != 0) note_unit_stop(session);
  }
  changed(session);
  serve_link_tasks(session, host);
}

void SessionManager::serve_link_tasks(const SessionPtr& session, Host& host) {
  host.no_link.stop();
  for (const auto& task : std::exchange(host.tasks, {})) {
    // Each may end the link.
    if (session->link != nullptr)
      task(session->link);
    else
      task(Error{ErrorCode::kHostLost, "the session host is not connected"});
  }
}

void SessionManager::on_started(const SessionPtr& session, const Started& started,
                                UniqueFd scrollback) {
  auto& host = host_of(session->id());
  if (host.ready) return;
  session->scrollback = open_scrollback(std::move(scrollback));
  if (!session->scrollback) return on_start_failed(session, {"scrollback", EINVAL});
  host.ready = true;
  host.start_overdue.stop();
  starter_.forget(session->id());
  session->command_pid = static_cast<pid_t>(started.command_pid);
  session->terminal = printable(started.terminal).substr(0, 64);
  session->started_at = from_us(started.started_at);
  log::info("Session " + session->name() + " of " + session->user +
                " started: " + shell_quoted(session->spec.command),
            {{"PTYD_SESSION_ID", session->id()}}, log::Event::kSessionStarted);
  forget_predecessors(*session);
  const bool terminated_meanwhile = session->state() == SessionState::kStopping;
  if (!terminated_meanwhile) (void)set_state(session, SessionState::kActive);
  for (auto* observer : observers_) observer->on_session_added(*session);
  changed(session);
  if (terminated_meanwhile) host.link->terminate({}, [](const auto&) {});
  const auto created = std::exchange(host.created, {});
  if (created) created(session);
  serve_link_tasks(session, host);
}

void SessionManager::on_start_failed(const SessionPtr& session, const StartFailed& failed) {
  const auto error = static_cast<int>(failed.error);
  const auto reason = std::generic_category().message(error);
  const auto what = failed.stage == "exec"  ? "cannot run " + session->spec.command.front()
                    : failed.stage == "cwd" ? "cannot use the working folder " + session->spec.cwd
                                            : "cannot set up the " + printable(failed.stage);
  // From the loop: it destroys the link that called.
  loop_.post([this, session, error, text = what + ": " + reason, stage = printable(failed.stage)] {
    fail_start(session, {ErrorCode::kStartFailed, text, error, stage});
  });
}

void SessionManager::on_status(const SessionPtr& session, const HostStatus& status) {
  if (!session->living()) return;
  const TerminalSize size{status.rows, status.columns};
  const bool differs = session->viewers != status.viewers || !(session->size == size);
  session->viewers = status.viewers;
  if (is_valid(size)) session->size = size;
  const auto before = session->state();
  if (is_running(before)) {
    if (status.stopping != 0)
      note_unit_stop(session);
    else
      (void)set_state(session, status.idle != 0 ? SessionState::kIdle : SessionState::kActive);
  }
  if (differs || session->state() != before) changed(session);
}

// The service manager, or whoever else sent its host a signal, does what end() would do.
void SessionManager::note_unit_stop(const SessionPtr& session) {
  if (!set_state(session, SessionState::kStopping)) return;
  log::info("Session " + session->name() + " is being ended by a stop of its unit",
            {{"PTYD_SESSION_ID", session->id()}});
}

void SessionManager::on_ended(const SessionPtr& session, const HostEnded& ended) {
  auto& host = host_of(session->id());
  if (session->state() == SessionState::kStopped) {
    // Said again. Where it is not on disk yet, on_saved() will release the host.
    if (session->saved_generation != session->generation) return;
    session->scrollback.reset();
    return release(session);
  }
  const bool asked = session->state() == SessionState::kStopping;
  session->final_activity = session->last_activity();
  session->final_output = session->output_bytes();
  session->result = checked_result(ended.kind, ended.value);
  session->forced = ended.forced != 0;
  session->ended_at = std::min(from_us(ended.ended_at), std::chrono::system_clock::now());
  host.terminate_overdue.stop();
  (void)set_state(session, SessionState::kStopped);
  const std::initializer_list<log::Field> fields{{"PTYD_SESSION_ID", session->id()}};
  if (session->forced)
    log::warn("PTY for session " + session->name() + " force-killed (SIGKILL)", fields,
              log::Event::kSessionKilled);
  else if (asked)
    log::info("PTY for session " + session->name() + " exited gracefully", fields,
              log::Event::kSessionEnded);
  else
    log::info("Session " + session->name() + " " + describe(*session->result), fields,
              log::Event::kSessionEnded);
  for (const auto& task : std::exchange(host.tasks, {}))
    task(Error{ErrorCode::kNotRunning, "session '" + session->name() + "' has ended"});
  conclude(session);
}

void SessionManager::on_link_closed(const SessionPtr& session) {
  session->link = nullptr;
  const auto it = hosts_.find(session->id());
  if (it == hosts_.end()) return;
  auto& host = *it->second;
  const auto link = std::move(host.link);  // its last completions run when it goes, below
  host.ready = false;
  // A host that lives comes back. One whose process cannot be watched counts as gone with its link.
  if (host.exited || !host.pidfd) on_host_gone(session);
}

void SessionManager::on_host_exited(const SessionPtr& session) {
  auto& host = host_of(session->id());
  host.exited = true;
  host.exit_watch.reset();
  if (host.link)
    host.gone.start(Host::kLastWords);
  else
    on_host_gone(session);
}

void SessionManager::on_host_gone(const SessionPtr& session) {
  auto node = hosts_.extract(session->id());
  if (node.empty()) return;
  session->link = nullptr;
  auto& host = *node.mapped();
  for (const auto& task : std::exchange(host.tasks, {}))
    task(Error{ErrorCode::kHostLost, "the session host is gone"});
  if (!session->started_at) {
    hosts_.insert(std::move(node));
    return fail_start(session, {ErrorCode::kStartFailed, "the session host ended", 0, "host"});
  }
  if (!session->living()) {
    forget_oldest(session->uid);
    return note_hosts();
  }
  session->final_activity = session->last_activity();
  session->final_output = session->output_bytes();
  if (host.killed && host.exited) {
    session->result = ExitResult{EndKind::kSignaled, SIGKILL};
    session->forced = true;
    (void)set_state(session, SessionState::kStopped);
    log::warn("PTY for session " + session->name() + " force-killed (SIGKILL)",
              {{"PTYD_SESSION_ID", session->id()}}, log::Event::kSessionKilled);
  } else {
    session->lost_cause = "lost";
    (void)set_state(session, SessionState::kError);
    log::error("Session " + session->name() + " is lost: its host ended without a word",
               {{"PTYD_SESSION_ID", session->id()}}, log::Event::kSessionLost);
  }
  conclude(session);
  note_hosts();
}

bool SessionManager::has_hosts() const {
  return std::any_of(hosts_.begin(), hosts_.end(), [this](const auto& host) {
    const auto session = registry_.by_id(host.first);
    return !session || !session->living() || !session->supervised;
  });
}

void SessionManager::note_hosts() {
  if (has_hosts()) return;
  for (auto* observer : observers_) observer->on_last_host_gone();
}

void SessionManager::on_terminate_overdue(const SessionPtr& session) {
  const auto it = hosts_.find(session->id());
  if (it == hosts_.end() || !session->living()) return;
  auto& host = *it->second;
  if (host.exited) return;  // about to be concluded
  // What cannot be killed is not said to have been; should it come back, it is asked again.
  if (!host.pidfd) return on_host_gone(session);
  log::warn("The host of session " + session->name() + " does not end it; killing the host",
            {{"PTYD_SESSION_ID", session->id()}});
  host.killed = true;
  kill_host(*session, host.pidfd.get());
  // A host that even so does not go is not waited for: nobody is to wait for its session for ever.
  host.gone.start(kKillMargin);
}

void SessionManager::kill_host(const Session& session, int host_pidfd) {
  if (!session.supervised) starter_.kill(session);
  // Itself, too: the starter knows where hosts of ours should be, not where each is. The system's
  // daemon may signal root's alone; others in units that are not ours are their service manager's.
  if (::syscall(SYS_pidfd_send_signal, host_pidfd, SIGKILL, nullptr, 0) < 0 && errno != ESRCH)
    log::warn("Cannot kill the host of session " + session.name() + ": " +
              std::generic_category().message(errno));
}

// What the disk says was running and nobody has registered is lost.
void SessionManager::on_recovery_over() {
  std::vector<SessionPtr> lost;
  bool waiting = false;
  for (const auto& [id, host] : hosts_) {
    const auto session = registry_.by_id(id);
    if (!session || !session->living() || host->link || host->pidfd) continue;
    if (host->start_overdue.active()) {
      waiting = true;
      continue;
    }
    lost.push_back(session);
  }
  for (const auto& session : lost) {
    // Of a session that was only starting nothing is to be waited for either.
    if (!session->started_at) session->started_at = from_us(session->spec.created_at);
    on_host_gone(session);
  }
  if (waiting) recovery_.start(kRecoveryTime);
}

void SessionManager::release_ended_hosts() {
  for (const auto& [id, session] : registry_.all())
    if (!session->living()) release(session);
}

}  // namespace ptyd
