// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/event_loop.hpp"
#include "common/service/service_manager.hpp"
#include "daemon/config.hpp"
#include "daemon/core.hpp"
#include "daemon/front_end.hpp"
#include "daemon/host_starter.hpp"
#include "daemon/instance_lock.hpp"
#include "daemon/lifecycle.hpp"
#include "daemon/listener.hpp"
#include "daemon/metrics.hpp"
#include "daemon/paths.hpp"
#include "daemon/requests.hpp"
#include "daemon/server.hpp"
#include "daemon/session_manager.hpp"
#include "daemon/shutdown_warning.hpp"
#include "daemon/systemd.hpp"
#include "daemon/worker.hpp"

namespace ptyd {

// All parts of the daemon, made in the order in which they need each other. Construction is the
// start-up and throws; run() is everything after it.
class Daemon {
 public:
  Daemon(Scope scope, Paths paths, const Config& config, const Environment& environment);
  // Until the stop is complete; the exit status.
  int run();

 private:
  void on_signal(const signalfd_siginfo& info);
  void on_sigterm();
  void reap_orphans();
  void begin_reload();
  void on_reloaded(const ConfigResult<Config>& result);

  const Scope scope_;
  const Paths paths_;
  const Environment environment_;
  EventLoop loop_;
  SignalWatch signals_;  // before any thread starts
  Identity identity_;
  InstanceLock lock_;
  Listener listener_;
  ServiceManager service_manager_;
  std::unique_ptr<Systemd> systemd_;  // null: session hosts are children
  DirectStarter direct_starter_;
  HostStarter& starter_;
  Requests requests_;  // before whatever keeps one unanswered
  SessionManager sessions_;
  Lifecycle lifecycle_;
  Metrics metrics_;
  Core core_;
  Server server_;
  std::unique_ptr<FrontEnd> bus_;
  ShutdownWarning shutdown_warning_;
  Worker config_reader_;
  bool asking_for_job_ = false;
  bool reloading_ = false;
  bool reload_again_ = false;
  int exit_status_ = 0;
};

}  // namespace ptyd
