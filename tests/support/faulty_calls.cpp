// SPDX-License-Identifier: LGPL-2.1-or-later
// For LD_PRELOAD, see faulty_calls.hpp: system calls that go wrong as strace(1) cannot have them
// go.
//   FAULTY_CALL    "write" (sendmsg too), "epoll_ctl" (additions) or "timerfd_settime"
//   FAULTY_HOW     "short": half of it is written, really; "kill": the process dies before it; a
//   number:
//                  the call fails with that errno
//   FAULTY_FOLDER  if not empty, only with files below it
//   FAULTY_ARMED   only while this file exists. In it is the how manieth of such calls of a process
//   from
//                  then on goes wrong, and that removes the file; or 0: each
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace {

// An eventfd takes eight bytes or none.
constexpr std::size_t kLeast = 8;

std::mutex mutex;
timespec armed_at{};
long calls_since = 0;

const char* setting(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool is_below(const char* folder, int fd) {
  char link[32];
  char path[512] = {};
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const auto size = ::readlink(link, path, sizeof path - 1);
  return size > 0 && std::strncmp(path, folder, std::strlen(folder)) == 0;
}

// The number in the file; -1: there is none.
long armed_for(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  struct stat now {};
  char text[32] = {};
  const bool known = ::fstat(fd, &now) == 0 && ::read(fd, text, sizeof text - 1) > 0;
  ::close(fd);
  if (!known) return -1;
  if (now.st_ctim.tv_sec != armed_at.tv_sec || now.st_ctim.tv_nsec != armed_at.tv_nsec)
    calls_since = 0;
  armed_at = now.st_ctim;
  return std::strtol(text, nullptr, 10);
}

bool goes_wrong(const char* call, int fd) {
  if (std::strcmp(setting("FAULTY_CALL"), call) != 0) return false;
  const int saved = errno;
  const std::lock_guard lock(mutex);
  const char* armed = setting("FAULTY_ARMED");
  const long number = armed_for(armed);
  bool wrong = number >= 0 && is_below(setting("FAULTY_FOLDER"), fd);
  if (wrong && number > 0) {
    wrong = ++calls_since == number;
    if (wrong) ::unlink(armed);
  }
  errno = saved;
  return wrong;
}

// Whether the call fails, with errno set; or it may be made, and if `size` says so not wholly.
bool fails(std::size_t* size) {
  const char* how = setting("FAULTY_HOW");
  if (std::strcmp(how, "kill") == 0) ::kill(::getpid(), SIGKILL);
  if (std::strcmp(how, "short") == 0) {
    if (*size > kLeast) *size /= 2;
    return false;
  }
  errno = static_cast<int>(std::strtol(how, nullptr, 10));
  return true;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  if (goes_wrong("write", fd) && fails(&size)) return -1;
  return ::syscall(SYS_write, fd, data, size);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  msghdr less = *message;
  iovec first{};
  if (message->msg_iovlen == 1) {
    first = message->msg_iov[0];
    less.msg_iov = &first;
    if (goes_wrong("write", fd) && fails(&first.iov_len)) return -1;
  }
  return ::syscall(SYS_sendmsg, fd, &less, flags);
}

int epoll_ctl(int epoll, int what, int fd, epoll_event* event) noexcept {
  std::size_t none = 0;
  if (what == EPOLL_CTL_ADD && goes_wrong("epoll_ctl", fd) && fails(&none)) return -1;
  return static_cast<int>(::syscall(SYS_epoll_ctl, epoll, what, fd, event));
}

int timerfd_settime(int fd, int flags, const itimerspec* next, itimerspec* last) noexcept {
  std::size_t none = 0;
  if (goes_wrong("timerfd_settime", fd) && fails(&none)) return -1;
  return static_cast<int>(::syscall(SYS_timerfd_settime, fd, flags, next, last));
}

}  // extern "C"
