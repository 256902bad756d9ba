// SPDX-License-Identifier: LGPL-2.1-or-later
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

#include "common/service/descriptors.hpp"
#include "common/service/log.hpp"
#include "common/service/run_service.hpp"
#include "common/service/service_manager.hpp"
#include "common/socket_choice.hpp"
#include "common/version.hpp"
#include "web/server.hpp"
#include "web/ticket.hpp"

namespace {

// sysexits(3), which systemctl names, for a bad configuration.
constexpr int kExitConfig = 78;
constexpr int kExitUsage = 2;
constexpr int kExitFailure = 1;

struct Options {
  std::string config;
  std::string listen = ptyd::web::kDefaultListen;
  bool check = false;
  ptyd::web::TicketOptions ticket;
};

void describe_options(CLI::App& app, Options& options) {
  app.add_option("--config", options.config, "Configuration file")->type_name("FILE");
  app.add_option("--listen", options.listen,
                 "Where to listen without a socket of the service manager: a loopback address with "
                 "a port, or a path")
      ->type_name("ADDRESS");
  app.add_flag("--check-config", options.check, "Check the configuration and exit");
  app.set_version_flag("--version", ptyd::version_text("ptyd-web"));
  auto* ticket = app.add_subcommand("ticket", "What 'ptyctl web' does");
  auto& o = options.ticket;
  ticket->add_flag("--read-only", o.read_only);
  ticket->add_option("--session", o.session);
  ticket->add_option("--expires", o.expires);
  ticket->add_option("--url", o.url);
  ticket->add_flag("--token", o.token);
  ticket->add_flag("--list", o.list);
  ticket->add_option("--revoke", o.revoke);
  ticket->add_flag("--json", o.json);
}

const char* variable(const std::string& name) {
  return std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): never changed
}

ptyd::web::AccessFolder open_access(const ptyd::web::Config& config) {
  std::string problem;
  const auto folder = ptyd::web::access_folder(config.access.folder, variable, problem);
  if (!folder) throw std::runtime_error(problem);
  return ptyd::web::AccessFolder(*folder);
}

std::string choose_daemon(const ptyd::web::Config& config) {
  std::string problem;
  const auto socket = ptyd::choose_socket(config.daemon.socket, false, false, problem);
  if (!socket) throw std::runtime_error(problem);
  return *socket;
}

int serve(ptyd::web::Config config, const Options& options) {
  using namespace ptyd;
  using namespace ptyd::web;
  const auto page_folder = config.site.folder.empty() ? find_page() : config.site.folder;
  if (page_folder.empty()) throw std::runtime_error("the page was not installed");
  const Page page(page_folder);
  auto access = open_access(config);
  config.daemon.socket = choose_daemon(config);
  Listener listener(options.listen);
  // Whoever only chose another port need not say so twice.
  if (!listener.url().empty() && config.site.url == kDefaultUrl) config.site.url = listener.url();
  const Gate gate(config.site.url, config.site.origins);

  Loop loop;
  ServiceManager manager(loop.events());
  Server server(loop, config, gate, page, access, listener);
  bool stopping = false;
  const SignalWatch signals(
      loop.events(), {SIGTERM, SIGINT, SIGHUP}, [&](const signalfd_siginfo& info) {
        const auto signal = static_cast<int>(info.ssi_signo);
        if (signal == SIGHUP || stopping) return;
        stopping = true;
        log::info("Received " + signal_name(signal) + ", shutting down gracefully...");
        manager.stopping("Telling browsers");
        server.stop([&loop] { loop.quit(); });
      });
  server.start();
  log::info("Serving " + config.site.url + " on " + listener.name() + ", for the daemon on " +
            config.daemon.socket);
  manager.ready("Serving " + config.site.url);
  loop.run();
  log::info("Graceful shutdown complete");
  return 0;
}

int run(const Options& options, bool is_ticket) {
  using namespace ptyd;
  const auto path = options.config.empty() ? web::find_config(variable) : options.config;
  const auto loaded = web::config_table().load(path, !options.config.empty(), variable);
  for (const auto& problem : loaded.problems)
    std::fprintf(stderr, "ptyd-web: %s\n", problem.c_str());
  if (!loaded.problems.empty()) return kExitConfig;
  if (options.check) return 0;
  if (is_ticket) {
    auto access = open_access(loaded.config);
    return web::run_ticket(options.ticket, loaded.config, access);
  }
  return run_service("ptyd-web", loaded.config.log.target, loaded.config.log.level,
                     {SIGTERM, SIGINT, SIGHUP}, [&] { return serve(loaded.config, options); });
}

}  // namespace

int main(int argc, char** argv) {
  try {
    ptyd::occupy_standard_descriptors();
    Options options;
    CLI::App app("Shows the terminal sessions of ptyd in a browser.", "ptyd-web");
    describe_options(app, options);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
      return app.exit(e) == 0 ? 0 : kExitUsage;
    }
    return run(options, app.got_subcommand("ticket"));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "ptyd-web: %s\n", e.what());
  }
  return kExitFailure;
}
