// SPDX-License-Identifier: LGPL-2.1-or-later
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "common/service/descriptors.hpp"
#include "common/service/run_service.hpp"
#include "common/version.hpp"
#include "daemon/built_with.hpp"
#include "daemon/config.hpp"
#include "daemon/daemon.hpp"
#include "daemon/listener.hpp"
#include "daemon/paths.hpp"

namespace {

// Exit statuses that systemctl names: sysexits(3) for a bad configuration.
constexpr int kExitUsage = 2;
constexpr int kExitFailure = 1;
constexpr int kExitConfig = 78;

struct Options {
  bool system = false;
  bool user = false;
  bool check = false;
  ptyd::PathOptions paths;
};

void describe_options(CLI::App& app, Options& options) {
  auto* system = app.add_flag("--system", options.system,
                              "Be the machine's daemon, on the system bus (default for root)");
  app.add_flag("--user", options.user, "Be a user's daemon, on the session bus")->excludes(system);
  app.add_option("--socket", options.paths.socket, "Where to listen")->type_name("PATH");
  app.add_option("--runtime-dir", options.paths.runtime_dir, "Folder of socket and lock")
      ->type_name("DIR");
  app.add_option("--state-dir", options.paths.state_dir, "Folder of session records")
      ->type_name("DIR");
  app.add_option("--config", options.paths.config, "Configuration file")->type_name("FILE");
  app.add_flag("--check-config", options.check, "Check the configuration and exit");
  app.set_version_flag("--version", ptyd::version_text("ptyd", ptyd::kBuiltWith));
}

int run(const Options& options) {
  using namespace ptyd;
  const bool user = options.user || (!options.system && ::geteuid() != 0);
  const auto scope = user ? Scope::kUser : Scope::kSystem;
  const Environment environment = [](const std::string& name) { return std::getenv(name.c_str()); };
  const auto paths = find_paths(scope, options.paths);
  const auto loaded = config_table().load(paths.config, paths.config_must_exist, environment);
  for (const auto& problem : loaded.problems) std::fprintf(stderr, "ptyd: %s\n", problem.c_str());
  if (!loaded.problems.empty()) return kExitConfig;
  if (options.check) return 0;
  prepare_folder(paths.runtime_dir, scope == Scope::kSystem ? 0755 : 0700);
  prepare_folder(paths.state_dir, 0700);
  return run_service("ptyd", loaded.config.log.target, loaded.config.log.level,
                     {SIGTERM, SIGINT, SIGHUP, SIGCHLD},
                     [&] { return Daemon(scope, paths, loaded.config, environment).run(); });
}

}  // namespace

int main(int argc, char** argv) {
  int status = kExitFailure;
  try {
    ptyd::occupy_standard_descriptors();
    Options options;
    CLI::App app("Keeps terminal sessions alive and ends them properly.", "ptyd");
    describe_options(app, options);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
      return app.exit(e) == 0 ? 0 : kExitUsage;
    }
    status = run(options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "ptyd: %s\n", e.what());
  }
  // One that has started has taken what was passed; this is for one that has not.
  if (status != 0) ptyd::Listener::turn_away();
  return status;
}
