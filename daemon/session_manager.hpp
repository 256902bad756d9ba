// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/event_loop.hpp"
#include "common/job_queue.hpp"
#include "common/unix_socket.hpp"
#include "daemon/access.hpp"
#include "daemon/config.hpp"
#include "daemon/create_request.hpp"
#include "daemon/host_link.hpp"
#include "daemon/host_starter.hpp"
#include "daemon/queue.hpp"
#include "daemon/registry.hpp"
#include "daemon/session.hpp"
#include "daemon/store.hpp"
#include "daemon/user_names.hpp"

namespace ptyd {

// Told of what happens to sessions, after it has happened.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  virtual void on_session_added(const Session& session) = 0;
  virtual void on_session_changed(const Session& session) = 0;
  // Its record has been forgotten, or it never came to run. (That a session ends is a change.)
  virtual void on_session_removed(const Session& session) = 0;
  virtual void on_store_status_changed() {}
  virtual void on_last_host_gone() {}
  virtual void on_queue_added(const QueueEntry&) {}
  // Its state is another; or it has been withdrawn or forgotten, and is `removed`.
  virtual void on_queue_changed(const QueueEntry&, bool /*removed*/) {}
};

struct CaptureOptions {
  std::uint32_t lines = 0;  // the last ones; 0: all
  bool screen = false;  // what the terminal shows, as text; else the scrollback, as it was printed
  bool style = false;   // with the screen's colours and attributes
};

struct AttachOptions {
  bool read_only = false;
  bool steal = false;
  std::optional<TerminalSize> size;
  bool gives_terminal = false;
  Restore restore = Restore::kDefault;    // of clients with a size: as the configuration says
  std::optional<std::uint64_t> position;  // it was attached before, and has all up to here
  std::uint64_t client = 0;               // number for the log
};

// The core: every verb on sessions, for whichever front end asks, and what becomes of their hosts.
// Knows neither sockets that listen nor D-Bus. Verbs check the caller's right, complete on the
// loop's thread, and outlive the asker only as far as its completion lets them.
class SessionManager {
 public:
  // How long a host may take from being started to its command running.
  static constexpr std::chrono::seconds kStartTimeout{10};
  // How long sessions of an earlier daemon may take to register before they count as lost. Their
  // hosts try again every second.
  static constexpr std::chrono::seconds kRecoveryTime{10};
  // How long a verb waits for a host that is between two daemons.
  static constexpr std::chrono::seconds kLinkPatience{5};
  // Fits the queue of a client's connection.
  static constexpr std::uint64_t kMaxCapture = 4 * 1024 * 1024;
  // Under way at once; each holds up to kMaxCapture bytes.
  static constexpr std::size_t kMaxCaptures = 64;
  // Over its stop timeout, before the daemon kills a host that does not get its command ended.
  static constexpr std::chrono::seconds kKillMargin{3};

  // Sessions from the queue that are being started at once.
  static constexpr std::size_t kMaxReplays = 4;

  SessionManager(EventLoop& loop, const Config& config, const std::string& state_dir,
                 HostStarter& starter);
  ~SessionManager();

  // Reads the records of earlier daemons. For the start-up: blocks on the disk.
  void load();

  [[nodiscard]] const Registry& registry() const { return registry_; }
  [[nodiscard]] Store& store() { return store_; }
  [[nodiscard]] const Store& store() const { return store_; }
  // "ok" or what is wrong with writing the state: of sessions, or else of the queue.
  // On disk, since the start.
  [[nodiscard]] std::uint64_t records_written() const { return store_.written(); }
  [[nodiscard]] const std::string& store_status() const {
    return store_.status() == "ok" ? queue_.status() : store_.status();
  }
  [[nodiscard]] Queue& queue() { return queue_; }
  [[nodiscard]] const Queue& queue() const { return queue_; }
  void add_observer(SessionObserver* observer);
  void remove_observer(SessionObserver* observer);
  void configure(const Config& config);
  // While this is set, new sessions are refused with it.
  // With `finish_begun`, those whose creation or restart has begun are started all the same.
  void refuse_new_sessions(std::optional<Error> reason, bool finish_begun = false) {
    refusal_ = std::move(reason);
    finish_begun_ = finish_begun;
  }

  // Starts what is queued, in order, or no more of it: only a daemon that is running does. What has
  // been begun goes on.
  void replay_queue(bool on);
  // What has been begun and has no host yet waits for the next daemon.
  void withdraw_replays();
  // Writes sessions and queue now; see Store::flush().
  void flush(std::function<void(const std::string& error)> done);

  // Completes once the command runs; or, for a request that is queued, once that is on disk, with a
  // session that `waits`.
  void create(const Caller& caller, const CreateRequest& request, Completion<SessionPtr> done);
  // Completes with the new session.
  void restart(const Caller& caller, std::string_view reference, Completion<SessionPtr> done);
  // On success the connection belongs to the session host, which greets the client itself.
  void attach(const Caller& caller, std::string_view reference, const AttachOptions& options,
              UniqueFd connection, Completion<Nothing> done);
  void detach(const Caller& caller, std::string_view reference, Completion<std::uint32_t> done);
  void send_input(const Caller& caller, std::string_view reference,
                  std::span<const std::uint8_t> data, Completion<Nothing> done);
  // At most kMaxCapture bytes.
  void capture(const Caller& caller, std::string_view reference, const CaptureOptions& options,
               Completion<Bytes> done);
  void resize(const Caller& caller, std::string_view reference, TerminalSize size,
              Completion<Nothing> done);
  void kill(const Caller& caller, std::string_view reference, int signal, Completion<Nothing> done);
  // Both complete when the session has ended, at once if it has already. `owner` is who waits: when
  // it is gone, so is its wait.
  void terminate(const Caller& caller, std::string_view reference, std::weak_ptr<void> owner,
                 Completion<SessionPtr> done);
  void wait(const Caller& caller, std::string_view reference, std::weak_ptr<void> owner,
            Completion<SessionPtr> done);

  // A connection said REGISTER. Takes the channel, or leaves it and says why not.
  [[nodiscard]] std::optional<Error> register_host(std::unique_ptr<FrameChannel>& channel,
                                                   const PeerCredentials& peer,
                                                   const Register& registration);

  // Begins to end a session: asks its command, then makes it. Nothing if it ends or has ended.
  // `at_most` shortens its stop timeout.
  void end(const SessionPtr& session,
           std::chrono::milliseconds at_most = std::chrono::milliseconds::max());
  // The same with those that end with the daemon, or of these only those that a drain does not wait
  // for; none takes longer than stop.session_timeout. Over several turns of the loop, since they
  // may be many; `told`, if given, is called when all have been.
  enum class Ending { kAll, kOnDrain };
  void end_with_daemon(Ending which, std::function<void()> told = {});
  // With one of them that comes late.
  void end_with_daemon(const std::string& id);
  // To every attached client, or those of the sessions that end with the daemon, before whatever
  // is begun with those afterwards; how many there are.
  enum class Viewers { kOfEnding, kAll };
  std::size_t notify_viewers(const Json& event, Viewers who = Viewers::kOfEnding);
  [[nodiscard]] std::size_t viewers() const;
  // Lets the hosts of ended sessions go, saved or not: the daemon ends.
  void release_ended_hosts();
  // Without those of services that live on.
  [[nodiscard]] bool has_hosts() const;
  // When the last of the sessions that are being ended must be gone; now if there is none. Of those
  // that end with the daemon.
  [[nodiscard]] Clock::time_point end_deadline() const;

 private:
  struct Host;
  struct Waiter {
    std::weak_ptr<void> owner;
    Completion<SessionPtr> done;
  };
  using LinkTask = std::function<void(Result<HostLink*>)>;

  Result<SessionPtr> find_living(const Caller& caller, std::string_view reference) const;
  Host& host_of(const std::string& id);
  // Runs `task` with the host's link now, or when the host is back, or with an error.
  void with_link(const SessionPtr& session, LinkTask task);
  void serve_link_tasks(const SessionPtr& session, Host& host);

  Status may_create(uid_t uid, const CreateRequest& request, bool begun) const;
  [[nodiscard]] bool is_to_be_queued(const CreateRequest& request) const;
  SessionPtr new_session(const Caller& caller, CreateRequest request, const UserInfo& user) const;
  [[nodiscard]] std::string unused_name(uid_t uid, const std::string& base) const;
  void start(const SessionPtr& session, Completion<SessionPtr> done);
  void start_named(const Caller& caller, CreateRequest request, const UserInfo& user,
                   Completion<SessionPtr> done);
  void fail_start(const SessionPtr& session, const Error& error);

  void load_queue();
  void replay_next();
  void start_queued(const std::string& id);
  SessionPtr prepare_queued(const QueueEntry& entry);
  SessionPtr revive_queued(const PeerCredentials& peer, const std::string& id);
  void on_replayed(const std::string& id, const Result<SessionPtr>& started);
  void note_queued_session(const std::string& id);
  void owe_spec(const SessionPtr& session, Host& host);
  void on_store_status_changed();
  void on_queue_added(const QueueEntry& entry);
  void on_queue_changed(const QueueEntry& entry, bool removed);

  void forget(const SessionPtr& session);
  void forget_predecessors(const Session& session);
  void forget_oldest(uid_t uid);
  void forget_old();
  void release(const SessionPtr& session);
  [[nodiscard]] std::size_t hosts_of(uid_t uid) const;

  void connect(const SessionPtr& session, Host& host, std::unique_ptr<FrameChannel> channel,
               const PeerCredentials& peer);
  SessionPtr adopt(const PeerCredentials& peer, const Register& registration, Error& refusal);
  void take_over(const SessionPtr& session, Host& host, const Register& registration,
                 std::shared_ptr<ScrollbackReader> scrollback);

  void on_started(const SessionPtr& session, const Started& started, UniqueFd scrollback);
  void on_start_failed(const SessionPtr& session, const StartFailed& failed);
  void on_status(const SessionPtr& session, const HostStatus& status);
  void on_ended(const SessionPtr& session, const HostEnded& ended);
  void on_link_closed(const SessionPtr& session);
  void on_host_exited(const SessionPtr& session);
  void on_host_gone(const SessionPtr& session);
  void on_saved(const std::string& id, std::uint64_t generation, bool with_scrollback);
  void on_terminate_overdue(const SessionPtr& session);
  void kill_host(const Session& session, int host_pidfd);
  void note_unit_stop(const SessionPtr& session);
  void on_recovery_over();
  void note_hosts();

  bool set_state(const SessionPtr& session, SessionState state);
  void notify_viewers_of(const std::string& id, const std::string& text);
  void conclude(const SessionPtr& session);
  void changed(const SessionPtr& session);
  void refresh_records();
  std::optional<Store::Snapshot> snapshot(const std::string& id) const;

  EventLoop& loop_;
  Config config_;
  HostStarter& starter_;
  const std::string boot_id_;
  Registry registry_;
  std::optional<Error> refusal_;
  bool finish_begun_ = false;
  std::vector<SessionObserver*> observers_;
  std::map<std::string, std::unique_ptr<Host>> hosts_;  // by session id
  std::map<std::string, std::vector<Waiter>> waiters_;
  // Does `read`, which may block, on a thread.
  void capture_by(std::function<Bytes()> read, std::uint32_t lines, Completion<Bytes> done);

  std::size_t captures_ = 0;
  bool replaying_ = false;
  std::set<std::string> replays_;  // from the queue, being started
  JobQueue jobs_;
  Timer recovery_;
  Timer refresh_;
  UserNames users_;
  Worker reader_;  // of scrollbacks; not the store's, whose disk may hang
  Store store_;
  Queue queue_;
};

}  // namespace ptyd
