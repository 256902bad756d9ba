// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/lifecycle.hpp"

#include <algorithm>
#include <utility>

#include "common/service/log.hpp"
#include "common/text.hpp"

namespace ptyd {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

// The service manager is asked for more time this often, for twice as long.
constexpr milliseconds kTick{1000};
// When to try again, at the soonest: after a restart, which takes a moment, and after a stop, which
// with default settings takes at most ten seconds.
constexpr milliseconds kRestartHint{1000};
constexpr milliseconds kStopHint{10'000};

milliseconds since(Clock::time_point then) {
  return duration_cast<milliseconds>(Clock::now() - then);
}

// What those are told who ask for something that the next daemon has to do.
Error end_error(bool handing_over) {
  return handing_over ? Error{.code = ErrorCode::kRestarting,
                              .message = "ptyd is being restarted; try again",
                              .retry_after = kRestartHint}
                      : Error{.code = ErrorCode::kShuttingDown,
                              .message = "ptyd is shutting down",
                              .retry_after = kStopHint};
}

std::string drain_text(const DrainProgress& progress) {
  if (progress.sessions == 0) return "Drained, no new sessions";
  // Whole seconds: nobody needs the rest.
  const auto left = std::chrono::floor<std::chrono::seconds>(progress.remaining);
  return "Draining, " + plural(progress.sessions, "session") +
         (progress.ending ? " being ended" : " left, " + format_duration(left) + " of grace");
}

}  // namespace

const char* to_string(DaemonState state) {
  switch (state) {
    case DaemonState::kStarting: return "starting";
    case DaemonState::kRunning: return "running";
    case DaemonState::kDraining: return "draining";
    case DaemonState::kStopping: return "stopping";
    case DaemonState::kStopped: return "stopped";
  }
  return "stopped";
}

bool may_follow(DaemonState from, DaemonState to) {
  using S = DaemonState;
  switch (from) {
    case S::kStarting: return to == S::kRunning || to == S::kStopping;
    case S::kRunning: return to == S::kDraining || to == S::kStopping;
    case S::kDraining: return to == S::kRunning || to == S::kStopping;
    case S::kStopping: return to == S::kStopped;
    case S::kStopped: return false;
  }
  return false;
}

Lifecycle::Lifecycle(EventLoop& loop, const Config& config, SessionManager& sessions,
                     Requests& requests, ServiceManager& service_manager)
    : loop_(loop),
      config_(config),
      sessions_(sessions),
      requests_(requests),
      service_manager_(service_manager),
      drain_(loop, sessions,
             {.progress = [this](const DrainProgress& progress) { on_drain_progress(progress); },
              .done = [this] { on_drained(); }}),
      alive_(std::make_shared<bool>(true)),
      step_timer_(loop, [this] { on_step_overdue(); }),
      save_retry_(loop, [this] { try_save(); }),
      ticker_(loop, [this] { tick(); }) {
  sessions_.add_observer(this);
  requests_.set_on_brief_done([this] { on_requests_done(); });
}

Lifecycle::~Lifecycle() {
  *alive_ = false;
  requests_.set_on_brief_done({});
  sessions_.remove_observer(this);
}

void Lifecycle::remove_observer(LifecycleObserver* observer) {
  observers_.erase(std::remove(observers_.begin(), observers_.end(), observer), observers_.end());
}

void Lifecycle::set_state(DaemonState next) {
  if (!may_follow(state_, next)) {
    log::error(std::string("Refusing to go from ") + to_string(state_) + " to " + to_string(next));
    return;
  }
  const auto from = std::exchange(state_, next);
  sessions_.replay_queue(next == DaemonState::kRunning);
  const auto observers = observers_;
  for (auto* observer : observers) observer->on_state_changed(from, next);
}

void Lifecycle::become_running() { set_state(DaemonState::kRunning); }

std::string Lifecycle::status_text() const {
  const auto left = sessions_.registry().ending_with_daemon();
  switch (state_) {
    case DaemonState::kDraining: return drain_text(drain_.progress());
    case DaemonState::kStopping:
      return handing_over_ ? "Handing over " + plural(left, "session") + " to the next daemon"
                           : "Stopping, " + plural(left, "session") + " left";
    default:
      return plural(sessions_.registry().living(), "session") + ", " +
             plural(sessions_.viewers(), "client") + " attached";
  }
}

// ---- drain ----

Status Lifecycle::drain(const Caller& caller, const DrainOptions& options) {
  if (!is_admin(caller)) return Error{ErrorCode::kDenied, "only root may drain this ptyd"};
  if (state_ == DaemonState::kStopping || state_ == DaemonState::kStopped) return end_error(false);
  if (state_ == DaemonState::kStarting)
    return Error{ErrorCode::kInternal, "ptyd is still starting"};
  const bool again = state_ == DaemonState::kDraining;
  if (drain_.ending())
    return Error{ErrorCode::kBadRequest, "the remaining sessions are being ended already"};
  const auto grace = options.grace.value_or(config_.drain.grace);
  sessions_.refuse_new_sessions(Error{.code = ErrorCode::kDraining,
                                      .message = "ptyd is draining and takes no new sessions",
                                      .retry_after = grace});
  if (!again) set_state(DaemonState::kDraining);
  log::info("Draining for " + caller.label + ": " +
                plural(sessions_.registry().ending_with_daemon(), "session") + ", " +
                format_duration(grace) + " of grace",
            {{"PTYD_CLIENT", caller.label}, {"PTYD_REQUEST_ID", caller.request}},
            log::Event::kDrainBegun);
  drain_.begin(options, grace);
  return ok();
}

Status Lifecycle::cancel_drain(const Caller& caller) {
  if (!is_admin(caller)) return Error{ErrorCode::kDenied, "only root may cancel a drain"};
  if (state_ != DaemonState::kDraining)
    return Error{ErrorCode::kBadRequest, "ptyd is not draining"};
  if (drain_.ending())
    return Error{ErrorCode::kBadRequest, "too late: the remaining sessions are being ended"};
  drain_.cancel();
  sessions_.refuse_new_sessions(std::nullopt);
  set_state(DaemonState::kRunning);
  log::info("Drain cancelled by " + caller.label,
            {{"PTYD_CLIENT", caller.label}, {"PTYD_REQUEST_ID", caller.request}},
            log::Event::kDrainEnded);
  service_manager_.status(status_text());
  return ok();
}

std::optional<DrainProgress> Lifecycle::drain_progress() const {
  if (!drain_.active()) return std::nullopt;
  return drain_.progress();
}

std::optional<WallTime> Lifecycle::drain_deadline() const {
  if (!drain_.has_deadline()) return std::nullopt;
  return std::chrono::system_clock::now() + drain_.progress().remaining;
}

void Lifecycle::on_drain_progress(const DrainProgress& progress) {
  service_manager_.status(status_text());
  const auto observers = observers_;
  for (auto* observer : observers) observer->on_drain_progress(progress);
}

void Lifecycle::on_drained() {
  service_manager_.status(status_text());
  if (!drain_.options().exit) return;
  exit_status_ = drain_.abandoned() ? 1 : 0;
  stop("Drained", config_.drain.request_timeout);
}

// ---- stop ----

// False when it is finishing already.
bool Lifecycle::begin_to_finish(const std::string& reason, bool handing_over) {
  if (state_ == DaemonState::kStopping || state_ == DaemonState::kStopped) {
    log::info(reason + ", already shutting down");
    return false;
  }
  stop_begun_ = Clock::now();
  handing_over_ = handing_over;
  log::info(reason + (handing_over ? ", handing over to the next daemon..."
                                   : ", shutting down gracefully..."),
            {}, log::Event::kStopBegun);
  drain_.cancel();
  set_state(DaemonState::kStopping);
  service_manager_.stopping(status_text());
  tick();
  return true;
}

void Lifecycle::expect_end() {
  if (clients_.turn_new_away) clients_.turn_new_away();
  tick();
}

void Lifecycle::hand_over(const std::string& reason) {
  if (!begin_to_finish(reason, true)) return;
  if (clients_.turn_new_away) clients_.turn_new_away();
  sessions_.refuse_new_sessions(end_error(true), true);
  await_requests(config_.stop.request_timeout);
}

void Lifecycle::stop(const std::string& reason) { stop(reason, config_.stop.request_timeout); }

void Lifecycle::stop(const std::string& reason, milliseconds request_timeout) {
  if (!begin_to_finish(reason, false)) return;
  sessions_.refuse_new_sessions(end_error(false));
  sessions_.withdraw_replays();
  if (clients_.refuse_new) clients_.refuse_new();
  log::info("Stopped accepting new connections");

  const Json event{{"type", "server.shutdown"},
                   {"message", "Server shutting down"},
                   {"gracePeriodMs", time_for_sessions().count()}};
  const auto viewers = sessions_.notify_viewers(event);
  const auto clients = clients_.broadcast ? clients_.broadcast(event) : 0;
  log::info("Broadcasting shutdown message to " + plural(clients + viewers, "client"));

  await_requests(request_timeout);
}

// Until the last of them is killed.
milliseconds Lifecycle::time_for_sessions() const {
  milliseconds longest{0};
  for (const auto& [id, session] : sessions_.registry().all())
    if (session->ends_with_daemon())
      longest = std::max(longest, milliseconds(session->spec.stop_timeout_ms));
  if (longest.count() == 0) longest = config_.sessions.stop_timeout;
  return config_.stop.grace + std::min(longest, config_.stop.session_timeout);
}

void Lifecycle::await_requests(milliseconds bound) {
  enter(Step::kRequests, bound);
  if (requests_.brief() == 0) return next_after(Step::kRequests);
  log::info("Finishing " + plural(requests_.brief(), "request") + ", within " +
            format_duration(bound));
}

// From the loop: the answer is not sent yet.
void Lifecycle::on_requests_done() {
  if (step_ != Step::kRequests) return;
  loop_.post([this, alive = alive_] {
    if (*alive && requests_.brief() == 0 && step_ == Step::kRequests) next_after(Step::kRequests);
  });
}

void Lifecycle::enter(Step step, milliseconds bound) {
  step_ = step;
  step_timer_.start(bound);
}

void Lifecycle::on_step_overdue() {
  switch (step_) {
    case Step::kRequests:
      log::warn("Stop: " + plural(requests_.brief(), "request") +
                " not finished in time; going on");
      break;
    case Step::kSessions:
      log::error("Stop: " + plural(sessions_.registry().ending_with_daemon(), "session") +
                 " cannot be ended; going on");
      break;
    case Step::kGrace:
      log::info("Stop: " + plural(sessions_.registry().ending_with_daemon(), "session") +
                " left after the grace time; ending them");
      break;
    case Step::kSave:
      if (saving_progresses()) return;
      log::error("Stop: state is not saved in time" +
                 (save_error_.empty() ? save_error_ : " (" + save_error_ + ")") + "; going on");
      break;
    default: break;  // hosts and clients that are slow to go harm nobody
  }
  next_after(step_);
}

// Every step ends here, once, whether it is done or overdue.
void Lifecycle::next_after(Step step) {
  if (step != step_) return;
  step_timer_.stop();
  save_retry_.stop();
  switch (step) {
    case Step::kNone: return;
    case Step::kRequests: return handing_over_ ? leave_listener() : grant_grace();
    case Step::kGrace: return end_sessions();
    case Step::kSessions: return save();
    // A host that is let go would end with its daemon.
    case Step::kSave: return handing_over_ ? close_clients() : let_hosts_go();
    case Step::kHosts: return close_clients();
    case Step::kClients: return finish();
  }
}

void Lifecycle::grant_grace() {
  enter(Step::kGrace, config_.stop.grace);
  if (config_.stop.grace.count() == 0) return next_after(Step::kGrace);
  sessions_.end_with_daemon(SessionManager::Ending::kOnDrain);
  const auto left = sessions_.registry().ending_with_daemon();
  if (left == 0) return next_after(Step::kGrace);
  log::info("Waiting for " + plural(left, "session") + " to end, within " +
            format_duration(config_.stop.grace));
}

void Lifecycle::end_sessions() {
  enter(Step::kSessions, config_.stop.session_timeout + std::chrono::seconds(1));
  sessions_.end_with_daemon(SessionManager::Ending::kAll, [this, alive = alive_] {
    if (*alive && step_ == Step::kSessions) on_sessions_told();
  });
}

void Lifecycle::on_sessions_told() {
  // The manager kills a host that is overdue; a second later even that has not helped.
  const auto bound = sessions_.end_deadline() - Clock::now() + std::chrono::seconds(1);
  step_timer_.start(std::max<Clock::duration>(bound, milliseconds(0)));
  if (sessions_.registry().ending_with_daemon() == 0) next_after(Step::kSessions);
}

void Lifecycle::leave_listener() {
  if (clients_.stop_listening) clients_.stop_listening();
  save();
}

void Lifecycle::save() {
  enter(Step::kSave, kSaveTimeout);
  records_written_ = sessions_.records_written();
  try_save();
}

// In a stop a slow disk is waited for as long as the whole of that may take, one that has died is
// not. In a restart nothing is lost by going on: the hosts know all that the next daemon needs.
bool Lifecycle::saving_progresses() {
  if (handing_over_) return false;
  const auto written = sessions_.records_written();
  if (std::exchange(records_written_, written) == written) return false;
  const auto left = kStopTime - since(stop_begun_);
  if (left <= milliseconds(0)) return false;
  step_timer_.start(std::min(left, kSaveTimeout));
  return true;
}

// There is no later time for it: what fails is tried again until the step is overdue.
void Lifecycle::try_save() {
  sessions_.flush([this, alive = alive_](const std::string& error) {
    if (!*alive || step_ != Step::kSave) return;
    save_error_ = error;
    if (error.empty()) return next_after(Step::kSave);
    save_retry_.start(kSaveRetry);
  });
}

void Lifecycle::let_hosts_go() {
  enter(Step::kHosts, kHostTimeout);
  sessions_.release_ended_hosts();
  if (!sessions_.has_hosts()) next_after(Step::kHosts);
}

void Lifecycle::close_clients() {
  enter(Step::kClients, kCloseTimeout);
  requests_.refuse_all(end_error(handing_over_));
  if (!clients_.close_all) return next_after(Step::kClients);
  clients_.close_all([this, alive = alive_] {
    if (*alive) next_after(Step::kClients);
  });
}

void Lifecycle::finish() {
  step_ = Step::kNone;
  ticker_.stop();
  set_state(DaemonState::kStopped);
  const auto elapsed = since(stop_begun_);
  const auto what = handing_over_
                        ? "Handed over " + plural(sessions_.registry().living(), "session")
                        : std::string("Graceful shutdown complete");
  log::info(what + " in " + format_duration(elapsed),
            {{"PTYD_ELAPSED_MS", std::to_string(elapsed.count())}}, log::Event::kStopComplete);
  log::debug("The loop's longest turn: " +
             format_duration(duration_cast<milliseconds>(loop_.longest_turn())));
  if (on_finished_) on_finished_(exit_status_);
}

// While a step is within its bound, the service manager is asked to wait; a loop that hangs does
// not ask, and no step is without a bound.
void Lifecycle::tick() {
  service_manager_.extend_timeout(2 * kTick);
  service_manager_.status(status_text());
  ticker_.start(kTick);
}

// ---- what sessions do ----

void Lifecycle::on_session_added(const Session&) {
  if (state_ == DaemonState::kRunning) service_manager_.status(status_text());
}

void Lifecycle::on_session_changed(const Session& session) {
  // A host that has registered only now: its session ends with the others.
  if (step_ == Step::kSessions && session.running() && !session.supervised)
    return sessions_.end_with_daemon(session.id());
  drain_.on_session_changed(session);
  note_progress();
}

void Lifecycle::on_session_removed(const Session& session) {
  drain_.on_session_changed(session);
  note_progress();
}

void Lifecycle::note_progress() {
  if (state_ == DaemonState::kStarting || state_ == DaemonState::kStopped) return;
  if (state_ != DaemonState::kStopping) return service_manager_.status(status_text());
  if (!waits_for_sessions() || sessions_.registry().ending_with_daemon() != 0) return;
  // From the loop: whoever reports this is not done with it.
  loop_.post([this, alive = alive_] {
    if (*alive && waits_for_sessions() && sessions_.registry().ending_with_daemon() == 0)
      next_after(step_);
  });
}

void Lifecycle::on_last_host_gone() {
  if (step_ == Step::kHosts) next_after(Step::kHosts);
}

}  // namespace ptyd
