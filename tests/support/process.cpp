// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ostream>
#include <system_error>

namespace ptyd::test {

Process::Pipe::Pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) < 0)
    throw std::system_error(errno, std::generic_category(), "pipe2");
  read = UniqueFd(fds[0]);
  write = UniqueFd(fds[1]);
}

Process::Process(const Arguments& arguments, const ProcessOptions& options)
    : Process(arguments, options, {}, {}, {}) {}

Process::Process(const Arguments& arguments, const ProcessOptions& options, Pipe in, Pipe out,
                 Pipe err)
    : in_(std::move(in.write)),
      out_fd_(std::move(out.read)),
      err_fd_(std::move(err.read)),
      child_(arguments, options.environment, options.cwd,
             {options.with_stdin ? in.read.get() : -1, out.write.get(), err.write.get(), {}}),
      out_reader_(
          out_fd_.get(), [this](std::string_view piece) { out_.append(piece); },
          [this] { out_.end(); }),
      err_reader_(
          err_fd_.get(), [this](std::string_view piece) { err_.append(piece); },
          [this] { err_.end(); }) {
  // A program that leaves without reading its input must not take the test along.
  ::signal(SIGPIPE, SIG_IGN);
}

bool Process::write_stdin(std::string_view text) {
  while (!text.empty()) {
    const auto n = ::write(in_.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

RunResult run(const Arguments& arguments, const ProcessOptions& options, std::string_view input) {
  auto changed = options;
  changed.with_stdin = options.with_stdin || !input.empty();
  Process process(arguments, changed);
  process.write_stdin(input);
  process.close_stdin();
  RunResult result;
  if (const auto end = process.wait_exit()) {
    result.status = shell_status(*end);
    // Children of its own may hold the pipes open: what it wrote itself is there by now.
    process.out().wait_end(std::chrono::milliseconds(1000));
    process.err().wait_end(std::chrono::milliseconds(1000));
  }
  result.out = process.out().text();
  result.err = process.err().text();
  return result;
}

std::ostream& operator<<(std::ostream& out, const RunResult& result) {
  return out << "status " << result.status << "\nout: " << result.out << "\nerr: " << result.err;
}

}  // namespace ptyd::test
