// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <signal.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "ctl/cli.hpp"

namespace {

// A descriptor opened later must not become standard input or output by chance.
bool fill_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) return false;
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (!fill_standard_descriptors()) return ptyd::kFailed;
  ::signal(SIGPIPE, SIG_IGN);  // a reader that left is an error of write(2)
  try {
    return ptyd::run_ptyctl(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ptyctl: %s\n", error.what());
    return ptyd::kFailed;
  }
}
