// SPDX-License-Identifier: LGPL-2.1-or-later
// For LD_PRELOAD: the wall clock is off by so many seconds as the file $CLOCK_OFFSET_FILE says at
// that moment. All other clocks, and all timers, are the kernel's. libfaketime(1) cannot be had: as
// it moves the clock of a process that runs, it loses that one's timers.
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace {

long offset() {
  const int saved = errno;
  const char* path = std::getenv("CLOCK_OFFSET_FILE");
  char text[32] = {};
  const int fd = path != nullptr ? ::open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd >= 0) {
    if (::read(fd, text, sizeof text - 1) < 0) text[0] = '\0';
    ::close(fd);
  }
  errno = saved;
  return std::strtol(text, nullptr, 10);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const auto result = static_cast<int>(::syscall(SYS_clock_gettime, clock, now));
  const bool wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (result == 0 && wall) now->tv_sec += offset();
  return result;
}

int gettimeofday(timeval* now, void*) noexcept {
  timespec precise{};
  const int result = clock_gettime(CLOCK_REALTIME, &precise);
  *now = {precise.tv_sec, precise.tv_nsec / 1000};
  return result;
}

time_t time(time_t* now) noexcept {
  timespec precise{};
  clock_gettime(CLOCK_REALTIME, &precise);
  if (now != nullptr) *now = precise.tv_sec;
  return precise.tv_sec;
}

}  // extern "C"
