// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/service/descriptors.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <optional>

namespace ptyd {
namespace {

std::optional<rlimit> original;

}  // namespace

void occupy_standard_descriptors() {
  for (int fd = ::open("/dev/null", O_RDWR | O_CLOEXEC); fd >= 0 && fd <= STDERR_FILENO;
       fd = ::open("/dev/null", O_RDWR | O_CLOEXEC))
    if (fd == STDERR_FILENO) return;
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  original = limit;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void restore_descriptor_limit(pid_t child) {
  if (original) ::prlimit(child, RLIMIT_NOFILE, &*original, nullptr);
}

}  // namespace ptyd
