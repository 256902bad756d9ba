// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bench/managers.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <mutex>
#include <set>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "bench/processes.hpp"
#include "common/text.hpp"
#include "common/unix_socket.hpp"
#include "tests/support/deadline.hpp"
#include "tests/support/process.hpp"

namespace ptyd::bench {
namespace {

using test::Child;
using test::Environment;

Arguments operator+(Arguments words, const Arguments& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

bool installed(const std::string& program) { return ::access(program.c_str(), X_OK) == 0; }

std::string socket_of(const std::string& folder, const std::string& session) {
  return folder + "/" + session + ".sock";
}

Manager raw() {
  return {.name = "raw", .attach = [](auto&, auto&, auto& command) { return command; }};
}

Manager relay(bool with_terminal) {
  Manager manager;
  manager.name = with_terminal ? "relay-pty" : "relay";
  manager.start = [](auto& folder, auto& session, auto& command) {
    return Arguments{RELAY_PROGRAM, "serve", socket_of(folder, session)} + command;
  };
  if (with_terminal)
    manager.attach = [](auto& folder, auto& session, auto&) {
      return Arguments{RELAY_PROGRAM, "attach", socket_of(folder, session)};
    };
  else
    manager.connect = [](auto& folder, auto& session) {
      std::error_code error;
      Viewer viewer;
      viewer.fd = connect_unix(socket_of(folder, session), error);
      if (error) throw std::system_error(error, "relay");
      return viewer;
    };
  return manager;
}

Manager script() {
  return {.name = "script", .attach = [](auto&, auto&, auto& command) {
            return Arguments{"script", "-qfc", "exec " + shell_quoted(command), "/dev/null"};
          }};
}

Manager dtach() {
  return {.name = "dtach",
          .start =
              [](auto& folder, auto& session, auto& command) {
                return Arguments{"dtach", "-n", socket_of(folder, session), "-r", "none"} + command;
              },
          .attach =
              [](auto& folder, auto& session, auto&) {
                return Arguments{"dtach", "-a", socket_of(folder, session), "-r", "none"};
              }};
}

Manager abduco() {
  return {.name = "abduco",
          .start =
              [](auto&, auto& session, auto& command) {
                return Arguments{"abduco", "-n", session} + command;
              },
          .attach =
              [](auto&, auto& session, auto&) {
                return Arguments{"abduco", "-a", session};
              },
          .list = [](auto&) { return Arguments{"abduco"}; }};
}

Manager screen() {
  return {.name = "screen",
          .start =
              [](auto&, auto& session, auto& command) {
                return Arguments{"screen", "-c", "/dev/null", "-U", "-dmS", session} + command;
              },
          .attach =
              [](auto&, auto& session, auto&) {
                return Arguments{"screen", "-U", "-r", session};
              },
          .list =
              [](auto&) {
                return Arguments{"sh", "-c", "screen -ls || true"};
              },
          .restores_screen = true};
}

Manager tmux() {
  const auto tmux = [](const std::string& folder) {
    return Arguments{"tmux", "-S", folder + "/tmux", "-f", "/dev/null"};
  };
  return {
      .name = "tmux",
      .start =
          [tmux](auto& folder, auto& session, auto& command) {
            return tmux(folder) +
                   Arguments{
                       "new-session", "-d",  "-s", session,      "exec " + shell_quoted(command),
                       ";",           "set", "-g", "status",     "off",
                       ";",           "set", "-g", "exit-empty", "off"};
          },
      .attach =
          [tmux](auto& folder, auto& session, auto&) {
            return tmux(folder) + Arguments{"attach-session", "-t", session};
          },
      .list = [tmux](auto& folder) { return tmux(folder) + Arguments{"list-sessions"}; },
      .restores_screen = true};
}

Manager ptyd() {
  const auto ptyctl = [](const std::string& folder) {
    return Arguments{PTYCTL_PROGRAM, "--socket", folder + "/ptyd.sock", "-q"};
  };
  return {.name = "ptyd",
          .daemon =
              [](auto& folder) {
                return Arguments{PTYD_PROGRAM,          "--system",        "--socket",
                                 folder + "/ptyd.sock", "--runtime-dir",   folder,
                                 "--state-dir",         folder + "/state", "--config",
                                 folder + "/ptyd.yaml"};
              },
          .start =
              [ptyctl](auto& folder, auto& session, auto& command) {
                return ptyctl(folder) + Arguments{"new", session, "-d", "--"} + command;
              },
          .attach =
              [ptyctl](auto& folder, auto& session, auto&) {
                return ptyctl(folder) + Arguments{"attach", session};
              },
          .connect =
              [](auto& folder, auto& session) {
                Viewer viewer;
                viewer.protocol = std::make_unique<test::ProtocolClient>(folder + "/ptyd.sock");
                if (!viewer.protocol->hello() || !viewer.protocol->attach(session))
                  throw std::runtime_error("ptyd lets nobody attach");
                return viewer;
              },
          .list =
              [ptyctl](auto& folder) {
                return ptyctl(folder) + Arguments{"--no-pager", "list"};
              },
          .end = [ptyctl](
                     auto& folder,
                     auto& sessions) { return ptyctl(folder) + Arguments{"terminate"} + sessions; },
          .restores_screen = true};
}

// Its window is 80 columns and 24 rows, and it is the client's controlling terminal.
Viewer on_a_terminal(const Arguments& command, const Environment& environment) {
  winsize size{24, 80, 0, 0};
  int master = -1;
  int slave = -1;
  std::array<char, 64> path{};
  if (::openpty(&master, &slave, path.data(), nullptr, &size) < 0)
    throw std::system_error(errno, std::generic_category(), "openpty");
  Viewer viewer;
  viewer.fd = UniqueFd(master);
  const UniqueFd other(slave);
  ::fcntl(master, F_SETFD, FD_CLOEXEC);
  ::fcntl(slave, F_SETFD, FD_CLOEXEC);
  viewer.client =
      std::make_unique<Child>(command, environment, "", test::StandardFds{.terminal = path.data()});
  return viewer;
}

// Of the instances there are; each is the path of its folder, too.
std::mutex tags_mutex;
std::set<std::string> tags;

void kill_all(const std::string& tag) {
  for (const auto pid : with_tag(tag)) ::kill(pid, SIGKILL);
}

}  // namespace

void clean_up_on_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals] {
    int signal = 0;
    ::sigwait(&signals, &signal);
    const std::lock_guard lock(tags_mutex);
    for (const auto& tag : tags) {
      kill_all(tag);
      std::error_code ignored;
      std::filesystem::remove_all(tag, ignored);
    }
    ::_exit(128 + signal);
  }).detach();
}

std::vector<Manager> managers() {
  std::vector<Manager> all{raw(), relay(false), relay(true)};
  if (installed("/usr/bin/script")) all.push_back(script());
  if (installed("/usr/bin/dtach")) all.push_back(dtach());
  if (installed("/usr/bin/abduco")) all.push_back(abduco());  // not in Debian 12
  if (installed("/usr/bin/screen")) all.push_back(screen());
  if (installed("/usr/bin/tmux")) all.push_back(tmux());
  all.push_back(ptyd());
  return all;
}

Arguments program(const std::string& kind, std::size_t bytes) {
  static const auto self = std::filesystem::read_symlink("/proc/self/exe").string();
  return {self, "--program", kind, std::to_string(bytes)};
}

Instance::Instance(const Manager& manager) : manager_(manager), tag_(folder_.path().string()) {
  {
    const std::lock_guard lock(tags_mutex);
    tags.insert(tag_);
  }
  if (!manager_.daemon) return;
  test::write_file(folder_ / "ptyd.yaml", "limits: {sessions: 10000, sessions_per_user: 10000}\n");
  daemon_ = std::make_unique<Child>(manager_.daemon(tag_), environment(), "", test::StandardFds{});
  // Its socket is there a moment before it listens.
  const auto answers = [path = folder_ / "ptyd.sock"] {
    std::error_code error;
    return static_cast<bool>(connect_unix(path, error));
  };
  if (!test::eventually(answers)) throw std::runtime_error(manager_.name + " does not start");
}

Instance::~Instance() {
  if (daemon_) {
    daemon_->signal(SIGTERM);
    (void)daemon_->wait_exit();
  }
  kill_all(tag_);
  const std::lock_guard lock(tags_mutex);
  tags.erase(tag_);
}

Environment Instance::environment() const {
  return {{kTag, tag_},          {"TERM", "xterm-256color"},
          {"LC_ALL", "C.UTF-8"}, {"ABDUCO_SOCKET_DIR", tag_},
          {"SCREENDIR", tag_},   {"TMUX", std::nullopt},
          {"STY", std::nullopt}};
}

void Instance::run(const Arguments& arguments) const {
  Child child(arguments, environment(), tag_, {});
  const auto result = child.wait_exit();
  if (!result || *result != ExitResult{EndKind::kExited, 0})
    throw std::runtime_error(manager_.name + ": '" + shell_quoted(arguments) + "' fails");
}

void Instance::start(const std::string& session, const Arguments& command) {
  if (manager_.start) run(manager_.start(tag_, session, command));
}

Viewer Instance::attach(const std::string& session, const Arguments& command) {
  if (manager_.attach) return on_a_terminal(manager_.attach(tag_, session, command), environment());
  return connect(session);
}

void Instance::list() { run(manager_.list(tag_)); }

std::vector<UniqueFd> Instance::commands(std::size_t count) const {
  const test::Deadline deadline(test::kPatience);
  std::vector<UniqueFd> found;
  while (found.size() != count) {
    if (deadline.passed()) throw std::runtime_error(manager_.name + ": commands do not run");
    found.clear();
    for (const auto pid : with_tag(tag_))
      if (!is_manager(pid)) found.emplace_back(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  }
  return found;
}

void Instance::end(const Arguments& sessions, const std::vector<UniqueFd>& commands) {
  if (manager_.end)
    run(manager_.end(tag_, sessions));
  else
    for (const auto& command : commands)
      ::syscall(SYS_pidfd_send_signal, command.get(), SIGTERM, nullptr, 0);
  const test::Deadline deadline(test::kPatience);
  for (const auto& command : commands) {
    pollfd ended{command.get(), POLLIN, 0};
    if (::poll(&ended, 1, deadline.poll_timeout()) <= 0)
      throw std::runtime_error(manager_.name + ": a session does not end");
  }
}

std::vector<pid_t> Instance::processes() const {
  std::vector<pid_t> all;
  for (const auto pid : with_tag(tag_))
    if (is_manager(pid)) all.push_back(pid);
  return all;
}

}  // namespace ptyd::bench
