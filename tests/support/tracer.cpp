// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/tracer.hpp"

#include <signal.h>

#include <stdexcept>

namespace ptyd::test {

Arguments strace_options(const Injection& injection) {
  auto inject = "inject=" + injection.calls + ":" + injection.what;
  if (!injection.when.empty()) inject += ":when=" + injection.when;
  Arguments options{"-e", "trace=" + injection.calls, "-e", inject};
  for (const auto& path : injection.paths) {
    options.emplace_back("-P");
    options.push_back(path);
  }
  return options;
}

Tracer::Tracer(pid_t pid, const Injection& injection) {
  Arguments command{"strace", "-f", "-b", "execve", "-o", "/proc/self/fd/1"};
  for (const auto& option : strace_options(injection)) command.push_back(option);
  command.emplace_back("-p");
  command.push_back(std::to_string(pid));
  strace_ = std::make_unique<Process>(command);
  if (const auto attached = strace_->err().wait_for(" attached"); !attached)
    throw std::runtime_error(attached.message());
}

int Tracer::finish() {
  strace_->signal(SIGINT);
  strace_->wait_exit();
  (void)strace_->out().wait_end();
  return count();
}

int Tracer::count() const {
  const auto text = strace_->out().text();
  int count = 0;
  for (const char* mark : {"(INJECTED)", "(DELAYED)"})
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) ++count;
  return count;
}

}  // namespace ptyd::test
