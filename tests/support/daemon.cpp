// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/daemon.hpp"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "tests/support/leftovers.hpp"

namespace ptyd::test {
namespace {

constexpr std::chrono::seconds kStopPatience{15};
constexpr char kNoBus[] = "unix:path=/nonexistent";

// What a service manager or a person's shell may have set for the test runner.
constexpr const char* kNotForTheDaemon[] = {
    "INVOCATION_ID",   "JOURNAL_STREAM",  "LISTEN_FDS",     "LISTEN_PID",
    "LISTEN_FDNAMES",  "WATCHDOG_USEC",   "WATCHDOG_PID",   "RUNTIME_DIRECTORY",
    "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY", "CONFIGURATION_DIRECTORY",
    "SYSTEMD_EXEC_PID"};

}  // namespace

Daemon::Daemon(DaemonOptions options) : options_(std::move(options)), notify_(folder_ / "notify") {
  namespace fs = std::filesystem;
  for (const char* name : {"run", "state", "xdg"}) {
    fs::create_directory(folder_ / name);
    fs::permissions(folder_ / name, fs::perms(0700));
  }
  write_file(config_path(), options_.config);
  if (options_.started) start();
}

Daemon::~Daemon() {
  if (process_ && process_->child().running()) {
    process_->signal(SIGTERM);
    if (!process_->wait_exit(kStopPatience))
      ADD_FAILURE() << "ptyd did not stop within " << kStopPatience.count() << " s:\n"
                    << log().text();
  }
  process_.reset();
  end_leftovers(PTYD_SESSION_PROGRAM, socket());
  report_sanitizers();
}

Environment Daemon::environment() const {
  const std::string bus = options_.bus_address.empty() ? kNoBus : options_.bus_address;
  const auto report = "log_path=" + folder_ / "sanitizer";
  Environment environment{
      {"PTYD_SESSION_PROGRAM", PTYD_SESSION_PROGRAM},
      {"NOTIFY_SOCKET", notify_.path()},
      {"DBUS_SYSTEM_BUS_ADDRESS", bus},
      {"DBUS_SESSION_BUS_ADDRESS", bus},
      {"XDG_RUNTIME_DIR", folder_ / "xdg"},
      // Into files, since nobody reads the standard error of a session host.
      // A smaller quarantine than the usual 256 MiB, so that memory in use can be judged.
      {"ASAN_OPTIONS",
       report + ":quarantine_size_mb=16:detect_leaks=" + (options_.traced ? "0" : "1")},
      {"UBSAN_OPTIONS", report + ":print_stacktrace=1"},
  };
  for (const char* name : kNotForTheDaemon) environment[name] = std::nullopt;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    // Each PTYD_KEY would override the configuration.
    if (text.starts_with("PTYD_"))
      environment.emplace(text.substr(0, text.find('=')), std::nullopt);
  }
  for (const auto& [name, value] : options_.environment) environment[name] = value;
  return environment;
}

void Daemon::begin_start() {
  auto arguments = runner_;
  for (const auto& word : {std::string(PTYD_PROGRAM), std::string("--socket"), socket(),
                           std::string("--runtime-dir"), runtime_dir(), std::string("--state-dir"),
                           state_dir(), std::string("--config"), config_path()})
    arguments.push_back(word);
  arguments.insert(arguments.end(), options_.arguments.begin(), options_.arguments.end());
  notify_.clear();
  ProcessOptions options;
  options.environment = environment();
  process_ = std::make_unique<Process>(arguments, options);
}

void Daemon::start() {
  begin_start();
  // Waits in pieces only so that a daemon that has ended is noticed at once.
  const Deadline deadline(kPatience);
  while (!notify_.wait_for("READY=1", std::chrono::milliseconds(100))) {
    if (!process_->child().running() || deadline.passed())
      throw std::runtime_error("ptyd is not ready; its log:\n" + log().text());
  }
}

std::optional<ExitResult> Daemon::terminate() {
  process_->signal(SIGTERM);
  return process_->wait_exit();
}

void Daemon::kill9() {
  process_->signal(SIGKILL);
  process_->wait_exit();
}

Arguments Daemon::ptyctl_command(const Arguments& arguments) const {
  Arguments all{PTYCTL_PROGRAM, "--socket", socket()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

RunResult Daemon::ptyctl_as_nobody(const Arguments& arguments) const {
  namespace fs = std::filesystem;
  fs::permissions(folder_.path(), fs::perms(0755));
  fs::permissions(runtime_dir(), fs::perms(0755));
  Arguments command{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
  for (const auto& word : ptyctl_command(arguments)) command.push_back(word);
  return run(command);
}

RunResult Daemon::ptyctl(const Arguments& arguments, std::string_view input) const {
  return run(ptyctl_command(arguments), {}, input);
}

Json Daemon::json(const Arguments& arguments) const {
  Arguments all{"--json=short"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const auto result = ptyctl(all);
  auto json = Json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  if (result.status != 0 || json.is_discarded())
    throw std::runtime_error("ptyctl " + (arguments.empty() ? "" : arguments.front()) +
                             ": status " + std::to_string(result.status) + "\n" + result.out +
                             result.err);
  return json;
}

std::unique_ptr<Terminal> Daemon::terminal(const Arguments& arguments,
                                           TerminalOptions options) const {
  return std::make_unique<Terminal>(ptyctl_command(arguments), options);
}

ProtocolClient Daemon::connect() const {
  ProtocolClient client(socket());
  if (!client.hello()) throw std::runtime_error("ptyd did not answer HELLO");
  return client;
}

std::vector<pid_t> Daemon::hosts() const { return find_processes(PTYD_SESSION_PROGRAM, socket()); }

void Daemon::report_sanitizers() const {
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
    if (entry.path().filename().string().starts_with("sanitizer."))
      ADD_FAILURE() << entry.path().filename() << ":\n" << read_file(entry.path());
}

}  // namespace ptyd::test
