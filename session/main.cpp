// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "common/session_name.hpp"
#include "common/version.hpp"
#include "session/host.hpp"
#include "session/log.hpp"

namespace ptyd {
namespace {

constexpr int kUsageError = 2;

struct Options {
  std::string socket;
  std::string id;
  int spec_fd = -1;
};

void print_help() {
  std::puts(
      "ptyd-session --socket PATH --id ID [--spec-fd N]\n"
      "\n"
      "Carries one session of ptyd: runs its command on a terminal, keeps what it prints and\n"
      "serves the clients attached to it. It is started by ptyd, or, with --spec-fd, as the main\n"
      "process of a unit by 'ptyctl run'.\n"
      "\n"
      "  --socket PATH  the daemon's socket\n"
      "  --id ID        the session\n"
      "  --spec-fd N    the session's description is in this open file; needs no daemon\n"
      "  --help         show this help\n"
      "  --version      show the version");
}

bool parse_descriptor(const std::string& text, int& fd) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fd);
  return error == std::errc{} && end == text.data() + text.size() && fd > STDERR_FILENO &&
         ::fcntl(fd, F_GETFD) >= 0;
}

// An exit status when there is nothing more to do, else -1.
int parse(int argc, char** argv, Options& options) {
  enum : int { kSocket = 256, kId, kSpecFd, kHelp, kVersionOption };
  constexpr option kOptions[] = {
      {"socket", required_argument, nullptr, kSocket},   {"id", required_argument, nullptr, kId},
      {"spec-fd", required_argument, nullptr, kSpecFd},  {"help", no_argument, nullptr, kHelp},
      {"version", no_argument, nullptr, kVersionOption}, {nullptr, 0, nullptr, 0}};
  for (int c = 0; (c = ::getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (c) {
      case kSocket: options.socket = optarg; break;
      case kId: options.id = optarg; break;
      case kSpecFd:
        if (parse_descriptor(optarg, options.spec_fd)) break;
        log_line("--spec-fd needs the number of an open descriptor from 3");
        return kUsageError;
      case kHelp: print_help(); return 0;
      case kVersionOption: std::puts(version_text("ptyd-session").c_str()); return 0;
      default: return kUsageError;
    }
  }
  if (optind == argc && !options.socket.empty() && is_session_id(options.id)) return -1;
  log_line("needs --socket PATH and --id ID (16 hexadecimal digits), and nothing else");
  return kUsageError;
}

// Takes the descriptor. Of a regular file (a memfd is one), since reading that never waits.
Bytes read_spec(UniqueFd fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) < 0 || !S_ISREG(status.st_mode) || status.st_size <= 0 ||
      static_cast<std::uint64_t>(status.st_size) > kMaxSpecBytes)
    throw std::runtime_error("--spec-fd is no file with the description of a session");
  Bytes bytes(static_cast<std::size_t>(status.st_size));
  if (::pread(fd.get(), bytes.data(), bytes.size(), 0) != status.st_size)
    throw std::runtime_error("the description of the session cannot be read");
  return bytes;
}

void prepare_process() {
  // Else the first descriptors opened here would be taken for these.
  while (true) {
    const int fd = ::open("/dev/null", O_RDWR);
    if (fd < 0 || fd > STDERR_FILENO) {
      if (fd >= 0) ::close(fd);
      break;
    }
  }
  // What the starter left open is nothing to keep open for as long as a session lives.
  ::close_range(STDERR_FILENO + 1, ~0U, 0);
  ::signal(SIGPIPE, SIG_IGN);
  // Ignored by the starter, it would keep the command's exit status from us.
  ::signal(SIGCHLD, SIG_DFL);
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
    throw std::system_error(errno, std::generic_category(), "PR_SET_CHILD_SUBREAPER");
}

// Ends the process as its command ended, for a service manager that goes by it.
int end_like(const ExitResult& result) {
  if (result.kind == EndKind::kExited) return result.value;
  // The crash was the command's: there is nothing to be learnt from a core of this process.
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::signal(result.value, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, result.value);
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(result.value);
  return 128 + result.value;  // PID 1 of a container does not die of it
}

ExitResult run(const Options& options) {
  std::optional<Bytes> spec;
  if (options.spec_fd >= 0) spec = read_spec(UniqueFd(options.spec_fd));
  prepare_process();
  // Neither on the stack nor on the heap, which would need another page for them.
  static EventLoop loop;
  static Host host(loop, options.socket, options.id, std::move(spec));
  return host.run();
}

}  // namespace
}  // namespace ptyd

int main(int argc, char** argv) {
  ptyd::Options options;
  if (const int status = ptyd::parse(argc, argv, options); status >= 0) return status;
  try {
    return ptyd::end_like(ptyd::run(options));
  } catch (const std::exception& e) {
    ptyd::log_line(e.what());
    return 1;
  }
}
