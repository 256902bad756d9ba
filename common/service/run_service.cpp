// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/service/run_service.hpp"

#include <signal.h>

#include <exception>

#include "common/service/descriptors.hpp"

namespace ptyd {

int run_service(const std::string& program, log::Target target, spdlog::level::level_enum level,
                std::initializer_list<int> signals, const std::function<int()>& work) {
  sigset_t blocked;
  sigemptyset(&blocked);
  for (const int signal : signals) sigaddset(&blocked, signal);
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  log::start(program, target, level);
  int status = 1;
  try {
    status = work();
  } catch (const std::exception& e) {
    log::error(std::string("Cannot start: ") + e.what());
  }
  log::finish(status);
  return status;
}

}  // namespace ptyd
