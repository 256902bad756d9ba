// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/daemon.hpp"

#include <sys/wait.h>

#include <stdexcept>

#include "common/program_files.hpp"
#include "common/service/log.hpp"
#include "common/session_name.hpp"
#include "common/text.hpp"
#include "common/version.hpp"

namespace ptyd {
namespace {

Identity new_identity(const Paths& paths) {
  return {new_uuid(), std::chrono::system_clock::now(), Clock::now(), paths.socket};
}

std::string required_program(const Config& config) {
  auto program = find_session_program(config.sessions.program);
  if (program.empty())
    throw std::runtime_error("ptyd-session is not found; install it or set sessions.program");
  return program;
}

bool wants_systemd(StarterChoice choice) {
  return choice == StarterChoice::kSystemd ||
         (choice == StarterChoice::kAuto && is_systemd_service());
}

// Everyone may have sessions on the machine's daemon; a user's is the user's alone.
unsigned socket_mode(Scope scope) { return scope == Scope::kSystem ? 0666 : 0600; }

}  // namespace

Daemon::Daemon(Scope scope, Paths paths, const Config& config, const Environment& environment)
    : scope_(scope),
      paths_(std::move(paths)),
      environment_(environment),
      signals_(loop_, {SIGTERM, SIGINT, SIGHUP, SIGCHLD},
               [this](const signalfd_siginfo& info) { on_signal(info); }),
      identity_(new_identity(paths_)),
      lock_(paths_.runtime_dir, identity_),
      listener_(paths_.socket, socket_mode(scope_)),
      service_manager_(loop_),
      systemd_(wants_systemd(config.sessions.starter)
                   ? make_systemd(loop_, scope_, listener_.path())
                   : nullptr),
      direct_starter_(loop_, listener_.path()),
      starter_(systemd_ ? systemd_->starter() : direct_starter_),
      sessions_(loop_, config, paths_.state_dir, starter_),
      lifecycle_(loop_, config, sessions_, requests_, service_manager_),
      metrics_(sessions_, lifecycle_),
      core_{loop_, identity_, sessions_, lifecycle_, requests_, metrics_},
      server_(core_, config),
      shutdown_warning_(core_, config,
                        [this](const Json& event) { return server_.broadcast(event); }),
      config_reader_(loop_) {
  identity_.socket = listener_.path();
  starter_.set_program(required_program(config));
  core_.connections = [this] { return server_.clients(); };
  lifecycle_.set_client_control({
      .refuse_new = [this] { server_.refuse_new_clients(); },
      .turn_new_away = [this] { server_.turn_new_clients_away(); },
      .stop_listening = [this] { listener_.stop(); },
      .broadcast = [this](const Json& event) { return server_.broadcast(event); },
      .close_all = [this](std::function<void()> done) { server_.close_all(std::move(done)); },
  });
  lifecycle_.set_on_finished([this](int status) {
    exit_status_ = status;
    loop_.quit();
  });
  sessions_.load();
  metrics_.begin();
}

int Daemon::run() {
  std::string problem;
  bus_ = connect_bus(core_, scope_ == Scope::kSystem, problem);
  if (!bus_) log::warn("Not on D-Bus: " + problem + "; the socket serves all the same");
  listener_.start(loop_, [this](UniqueFd socket) { server_.on_connection(std::move(socket)); });
  lifecycle_.become_running();
  // Without systemd it is not told of.
  if (systemd_) shutdown_warning_.watch();
  log::info(std::string("ptyd ") + kVersion + " is ready on " + listener_.path() +
                (listener_.passed() ? " (passed by the service manager)" : ""),
            {}, log::Event::kDaemonReady);
  service_manager_.ready(lifecycle_.status_text());
  loop_.run();
  bus_.reset();
  return exit_status_;
}

void Daemon::on_signal(const signalfd_siginfo& info) {
  switch (static_cast<int>(info.ssi_signo)) {
    case SIGTERM: return on_sigterm();
    case SIGINT: return lifecycle_.stop("Received SIGINT");
    case SIGHUP: return begin_reload();
    case SIGCHLD: return reap_orphans();
    default: return;
  }
}

// A restart of the unit ends no session, a stop ends all; only systemd knows which of them this is.
void Daemon::on_sigterm() {
  constexpr char kReceived[] = "Received SIGTERM";
  if (!systemd_) return lifecycle_.stop(kReceived);
  if (std::exchange(asking_for_job_, true)) {
    log::info(std::string(kReceived) + ", already shutting down");
    return;
  }
  lifecycle_.expect_end();
  systemd_->ask_own_job([this, kReceived](const Result<std::string>& job) {
    if (!job)
      log::warn("Cannot tell whether this is a stop or a restart: " + job.error().message +
                "; taking it for a stop");
    const bool restarts = job && (*job == "restart" || *job == "try-restart");
    restarts ? lifecycle_.hand_over(kReceived) : lifecycle_.stop(kReceived);
  });
}

// Session hosts are known by their pidfds; this only keeps zombies away: of hosts that were started
// here and, as PID 1 of a container, of whatever comes to us.
void Daemon::reap_orphans() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

void Daemon::begin_reload() {
  if (lifecycle_.state() != DaemonState::kRunning && lifecycle_.state() != DaemonState::kDraining) {
    log::info("Received SIGHUP, but not reading the configuration: ptyd is " +
              std::string(to_string(lifecycle_.state())));
    return;
  }
  if (reloading_) {
    reload_again_ = true;
    return;
  }
  reloading_ = true;
  log::info("Received SIGHUP, reading " + paths_.config + " again");
  service_manager_.reloading();
  auto result = std::make_shared<ConfigResult<Config>>();
  config_reader_.post(
      [result, paths = paths_, environment = environment_] {
        *result = config_table().load(paths.config, paths.config_must_exist, environment);
      },
      [this, result] { on_reloaded(*result); });
}

void Daemon::on_reloaded(const ConfigResult<Config>& result) {
  reloading_ = false;
  for (const auto& problem : result.problems) log::error(problem, {}, log::Event::kConfigRejected);
  if (result.problems.empty()) {
    log::set_level(result.config.log.level);
    sessions_.configure(result.config);
    lifecycle_.configure(result.config);
    server_.configure(result.config);
    shutdown_warning_.configure(result.config);
    if (auto program = find_session_program(result.config.sessions.program); !program.empty())
      starter_.set_program(program);
    log::info("The new configuration is in force");
  } else {
    log::error("The configuration has errors; keeping the old one");
  }
  if (lifecycle_.state() != DaemonState::kStopping)
    service_manager_.reloaded(lifecycle_.status_text());
  if (std::exchange(reload_again_, false)) begin_reload();
}

}  // namespace ptyd
