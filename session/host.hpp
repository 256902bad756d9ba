// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <signal.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "common/event_loop.hpp"
#include "common/protocol.hpp"
#include "session/command.hpp"
#include "session/control_link.hpp"
#include "session/relay.hpp"
#include "session/unit_notifier.hpp"

namespace ptyd {

// One session, from registering with the daemon to being released by it. Ties the relay of bytes,
// the command and the daemon's wishes together; they do not know each other.
//
// A supervised one is the main process of a unit of its owner's: it has its spec from the
// beginning, starts without a daemon and waits for none, tells the service manager how it is, and
// ends like its command.
class Host {
 public:
  // `spec`, an encoded SessionSpec, makes it supervised; otherwise the daemon gives one.
  Host(EventLoop& loop, const std::string& socket_path, std::string id,
       std::optional<Bytes> spec = std::nullopt);

  // Runs the loop until the session is over; how the process is to end.
  ExitResult run();

 private:
  enum class Phase {
    kAwaitingSpec,
    kStarting,  // there is a process, but not yet the command
    kRunning,
    kDraining,  // the command has exited, its last output is being read
    kEnding,    // the viewers know; what the command left behind is being ended
    kEnded,     // nothing is left but to be released
  };

  void on_signal(const signalfd_siginfo& info);
  void quit(ExitResult result);
  void fail(int status = 1) { quit({EndKind::kExited, status}); }

  // The unit, of a supervised session.
  void tell_unit();

  // The daemon.
  ControlLink::Registration registration();
  void on_registered();
  void on_frame(const Frame& frame);
  void on_lost();
  void start(std::span<const std::uint8_t> spec);
  void on_client(const Frame& frame);
  void on_input(const Frame& frame);
  void on_kill(const Frame& frame);
  void on_terminate(const Frame& frame);
  void on_resize(const Frame& frame);
  void on_detach(const Frame& frame);
  void on_capture(const Frame& frame);
  void answer(std::uint32_t request, int error, std::uint32_t value = 0);
  void mark_status();
  void send_status();

  // The command.
  void on_started();
  void on_start_failed(const StartFailure& failure);
  void report_start_failure(const StartFailure& failure);
  void on_exited();
  void on_drained();
  void on_tree_gone();
  void terminate(std::chrono::milliseconds timeout);
  bool type_stop_input();
  [[nodiscard]] std::chrono::milliseconds stop_timeout() const;

  // The end.
  void report_end();
  void on_give_up();
  void quit_if_done();

  [[nodiscard]] bool command_runs() const {
    return phase_ == Phase::kStarting || phase_ == Phase::kRunning;
  }

  EventLoop& loop_;
  std::string id_;
  const bool supervised_;
  Phase phase_ = Phase::kAwaitingSpec;
  ExitResult exit_;
  SessionSpec spec_;
  Bytes spec_bytes_;  // as it came: with what a newer daemon may have added
  std::int64_t started_at_ = 0;
  std::int64_t ended_at_ = 0;
  bool stopping_ = false;  // SIGTERM: do not stay for a daemon that is not there
  bool ending_ = false;    // it has been asked to end
  bool released_ = false;
  bool stop_input_typed_ = false;
  std::optional<HostStatus> status_sent_;
  bool status_posted_ = false;

  SignalWatch signals_;
  std::optional<UnitNotifier> unit_;
  ControlLink link_;
  std::unique_ptr<Relay> relay_;
  Command command_;
  Timer spec_timer_;
  Timer give_up_timer_;
};

}  // namespace ptyd
