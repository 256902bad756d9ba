// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ostream>
#include <system_error>

#include "common/text.hpp"

namespace ptyd::test {
namespace {

void check(int error, const std::string& what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

std::vector<std::string> merged_environment(const Environment& changes) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!changes.contains(text.substr(0, text.find('=')))) merged.push_back(text);
  }
  for (const auto& [name, value] : changes)
    if (value) merged.push_back(name + "=" + *value);
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> list;
  for (auto& text : strings) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

// posix_spawn(3) and not fork: tests have threads, and nothing may run between fork and exec then.
class SpawnSetup {
 public:
  SpawnSetup(const std::string& cwd, const StandardFds& fds) {
    check(::posix_spawnattr_init(&attributes_), "posix_spawnattr_init");
    check(::posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init");
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigset_t set;
    sigemptyset(&set);
    ::posix_spawnattr_setsigmask(&attributes_, &set);
    sigfillset(&set);
    ::posix_spawnattr_setsigdefault(&attributes_, &set);
    if (!cwd.empty()) ::posix_spawn_file_actions_addchdir_np(&actions_, cwd.c_str());
    if (fds.terminal.empty()) {
      add_fd(fds.in, 0, O_RDONLY);
      add_fd(fds.out, 1, O_WRONLY);
      add_fd(fds.err, 2, O_WRONLY);
    } else {
      // The first terminal that the leader of a new session opens becomes its controlling one.
      flags |= POSIX_SPAWN_SETSID;
      ::posix_spawn_file_actions_addopen(&actions_, 0, fds.terminal.c_str(), O_RDWR, 0);
      ::posix_spawn_file_actions_adddup2(&actions_, 0, 1);
      ::posix_spawn_file_actions_adddup2(&actions_, 0, 2);
    }
    // Whatever the test runner itself was started with.
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    ::posix_spawnattr_setflags(&attributes_, flags);
  }
  ~SpawnSetup() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }
  [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }

 private:
  void add_fd(int fd, int as, int null_mode) {
    if (fd >= 0)
      ::posix_spawn_file_actions_adddup2(&actions_, fd, as);
    else
      ::posix_spawn_file_actions_addopen(&actions_, as, "/dev/null", null_mode, 0);
  }

  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t actions_{};
};

}  // namespace

Child::Child(const Arguments& arguments, const Environment& environment, const std::string& cwd,
             const StandardFds& fds) {
  auto words = arguments;
  auto variables = merged_environment(environment);
  const SpawnSetup setup(cwd, fds);
  check(::posix_spawnp(&pid_, words.front().c_str(), setup.actions(), setup.attributes(),
                       pointers(words).data(), pointers(variables).data()),
        "starting " + words.front());
  pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  check(pidfd_ ? 0 : errno, "pidfd_open");
}

Child::~Child() {
  if (result_) return;
  signal(SIGKILL);
  wait_exit();
}

bool Child::running() { return !wait_exit(std::chrono::milliseconds(0)); }

std::optional<ExitResult> Child::wait_exit(std::chrono::milliseconds timeout) {
  if (result_) return result_;
  const Deadline deadline(timeout);
  pollfd event{pidfd_.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&event, 1, deadline.poll_timeout());
  } while (ready < 0 && errno == EINTR);
  siginfo_t info{};
  if (ready <= 0 || ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) < 0)
    return std::nullopt;
  result_ = ExitResult{info.si_code == CLD_EXITED ? EndKind::kExited : EndKind::kSignaled,
                       info.si_status};
  return result_;
}

bool Child::signal(int number) {
  return ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) == 0;
}

int shell_status(const ExitResult& result) {
  return result.kind == EndKind::kExited ? result.value : 128 + result.value;
}

}  // namespace ptyd::test

namespace ptyd {
void PrintTo(const ExitResult& result, std::ostream* out) {
  if (result.kind == EndKind::kExited)
    *out << "exited " << result.value;
  else
    *out << signal_name(result.value);
}
}  // namespace ptyd
