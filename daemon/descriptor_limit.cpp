// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/descriptor_limit.hpp"

#include <sys/resource.h>

#include <optional>

namespace ptyd {
namespace {

std::optional<rlimit> original;

}  // namespace

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
