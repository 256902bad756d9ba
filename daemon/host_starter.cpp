// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/host_starter.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <system_error>

#include "common/process_tree.hpp"
#include "common/service/descriptors.hpp"
#include "common/service/log.hpp"

namespace ptyd {
namespace {

// The host leads a session of its own: a ^C at the terminal of a ptyd in the foreground is not for
// it. Its descriptors are /dev/null, so that nobody waits for the end of the daemon's output in
// vain.
int spawn_host(const std::string& program, const std::string& socket, const std::string& id,
               pid_t& pid) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(
      &attributes,
      static_cast<short>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  const std::array<const char*, 6> argv{program.c_str(), "--socket", socket.c_str(),
                                        "--id",          id.c_str(), nullptr};
  const int error = ::posix_spawn(&pid, program.c_str(), &files, &attributes,
                                  const_cast<char* const*>(argv.data()), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

}  // namespace

DirectStarter::DirectStarter(EventLoop& loop, std::string socket_path)
    : loop_(loop), socket_path_(std::move(socket_path)) {}

Status DirectStarter::may_start(uid_t uid) const {
  if (uid == ::geteuid()) return ok();
  return Error{ErrorCode::kUnsupported, "without systemd this ptyd can start sessions of uid " +
                                            std::to_string(::geteuid()) +
                                            " only; run a ptyd --user of your own"};
}

void DirectStarter::start(const Session& session, std::function<void(Error)> failed) {
  const auto& id = session.id();
  auto& child = children_[id];
  child.failed = std::move(failed);
  pid_t pid = 0;
  if (const int error = spawn_host(program(), socket_path_, id, pid); error != 0) {
    fail_later(id, {ErrorCode::kStartFailed,
                    "cannot start the session host " + program() + ": " +
                        std::generic_category().message(error),
                    error, "host"});
    return;
  }
  // Not reaped before this returns to the loop, so the pid is still the child's; and the host runs
  // no command before it has its SPEC from that loop.
  restore_descriptor_limit(pid);
  child.pidfd = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!child.pidfd) return;  // the manager's own deadline covers it
  child.exited = try_watch(loop_, child.pidfd.get(), EPOLLIN, [this, id](auto) {
    fail_later(id,
               {ErrorCode::kStartFailed, "the session host ended before it registered", 0, "host"});
  });
}

void DirectStarter::fail_later(const std::string& id, Error error) {
  loop_.post([this, id, error = std::move(error)] {
    auto node = children_.extract(id);
    if (!node.empty()) node.mapped().failed(error);
  });
}

void DirectStarter::forget(const std::string& id) { children_.erase(id); }

void DirectStarter::kill(const Session& session) {
  // The tree first: once the host is gone, its processes are no longer to be known as its.
  for (const pid_t pid : descendants(session.host_pid))
    signal_descendant(session.host_pid, pid, SIGKILL);
}

void DirectStarter::abandon(const Session& session) {
  const auto node = children_.extract(session.id());
  if (!node.empty() && node.mapped().pidfd)
    ::syscall(SYS_pidfd_send_signal, node.mapped().pidfd.get(), SIGKILL, nullptr, 0);
}

}  // namespace ptyd
