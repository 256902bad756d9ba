// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/event_loop.hpp"
#include "common/service/service_manager.hpp"
#include "daemon/access.hpp"
#include "daemon/config.hpp"
#include "daemon/drain.hpp"
#include "daemon/requests.hpp"
#include "daemon/result.hpp"
#include "daemon/session_manager.hpp"

namespace ptyd {

enum class DaemonState { kStarting, kRunning, kDraining, kStopping, kStopped };
const char* to_string(DaemonState state);
//   starting → running, stopping
//   running ⇄ draining, either → stopping
//   stopping → stopped
bool may_follow(DaemonState from, DaemonState to);

class LifecycleObserver {
 public:
  virtual ~LifecycleObserver() = default;
  virtual void on_state_changed(DaemonState from, DaemonState to) = 0;
  virtual void on_drain_progress(const DrainProgress& progress) = 0;
};

// What a stop needs of those who serve clients.
struct ClientControl {
  std::function<void()> refuse_new;
  // Nobody is greeted any more but session hosts, of sessions that are being created: who is not
  // comes again, and finds the next daemon.
  std::function<void()> turn_new_away;
  // Who connects from now on waits for the next daemon.
  std::function<void()> stop_listening;
  // To every client that is connected; how many there are.
  std::function<std::size_t(const Json& event)> broadcast;
  // Delivers what is queued and closes; calls back when all are gone.
  std::function<void(std::function<void()> done)> close_all;
};

// The daemon's own state, the drain and the stop: what happens in which order, and for how long at
// the most. Every step is bounded and followed by the next even if it fails.
class Lifecycle final : private SessionObserver {
 public:
  // Bounds of the steps of a stop that have no configuration: together with stop.request_timeout
  // and the sessions' stop timeout they stay within 10 s with default settings.
  static constexpr std::chrono::milliseconds kSaveTimeout{1000};  // without a record written
  static constexpr std::chrono::milliseconds kStopTime{8500};     // in all, for saving
  static constexpr std::chrono::milliseconds kSaveRetry{100};
  static constexpr std::chrono::milliseconds kHostTimeout{300};
  static constexpr std::chrono::milliseconds kCloseTimeout{200};

  Lifecycle(EventLoop& loop, const Config& config, SessionManager& sessions, Requests& requests,
            ServiceManager& service_manager);
  ~Lifecycle() override;

  [[nodiscard]] DaemonState state() const { return state_; }
  void set_client_control(ClientControl control) { clients_ = std::move(control); }
  void add_observer(LifecycleObserver* observer) { observers_.push_back(observer); }
  void remove_observer(LifecycleObserver* observer);
  void configure(const Config& config) { config_ = config; }
  // Called with the exit status when the process is to end.
  void set_on_finished(std::function<void(int)> callback) { on_finished_ = std::move(callback); }

  void become_running();
  Status drain(const Caller& caller, const DrainOptions& options);
  Status cancel_drain(const Caller& caller);
  // `reason` begins the log: "Received SIGTERM". A second stop is logged and ignored.
  void stop(const std::string& reason);
  // Takes no new clients until one of the next two is called, which is soon: they are better served
  // by the next daemon, if there is one. Asks the service manager for the time.
  void expect_end();
  // Exits and leaves every session running for the next daemon, which is about to start.
  void hand_over(const std::string& reason);

  // What the service manager shows.
  [[nodiscard]] std::string status_text() const;
  [[nodiscard]] std::optional<DrainProgress> drain_progress() const;
  // Wall clock, for D-Bus; nothing while not draining.
  [[nodiscard]] std::optional<WallTime> drain_deadline() const;

 private:
  enum class Step { kNone, kRequests, kGrace, kSessions, kSave, kHosts, kClients };

  void on_session_added(const Session& session) override;
  void on_session_changed(const Session& session) override;
  void on_session_removed(const Session& session) override;
  void on_last_host_gone() override;

  void set_state(DaemonState next);
  bool begin_to_finish(const std::string& reason, bool handing_over);
  void stop(const std::string& reason, std::chrono::milliseconds request_timeout);
  [[nodiscard]] std::chrono::milliseconds time_for_sessions() const;
  void await_requests(std::chrono::milliseconds bound);
  void on_requests_done();
  void note_progress();
  void on_drain_progress(const DrainProgress& progress);
  void on_drained();

  void enter(Step step, std::chrono::milliseconds bound);
  void on_step_overdue();
  void next_after(Step step);
  void grant_grace();
  void end_sessions();
  void on_sessions_told();
  // Over as soon as no session is left.
  [[nodiscard]] bool waits_for_sessions() const {
    return step_ == Step::kGrace || step_ == Step::kSessions;
  }
  void leave_listener();
  void save();
  void try_save();
  bool saving_progresses();
  void let_hosts_go();
  void close_clients();
  void finish();
  void tick();

  EventLoop& loop_;
  Config config_;
  SessionManager& sessions_;
  Requests& requests_;
  ServiceManager& service_manager_;
  ClientControl clients_;
  std::vector<LifecycleObserver*> observers_;
  std::function<void(int)> on_finished_;
  DaemonState state_ = DaemonState::kStarting;

  Drain drain_;

  Step step_ = Step::kNone;
  Clock::time_point stop_begun_;
  bool handing_over_ = false;
  int exit_status_ = 0;
  std::shared_ptr<bool> alive_;  // false once destroyed, for callbacks that live on
  std::string save_error_;       // of the last attempt
  std::uint64_t records_written_ = 0;
  Timer step_timer_;
  Timer save_retry_;
  Timer ticker_;
};

}  // namespace ptyd
