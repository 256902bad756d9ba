// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>

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
};

void print_help() {
  std::puts(
      "ptyd-session --socket PATH --id ID\n"
      "\n"
      "Carries one session of ptyd: runs its command on a terminal, keeps what it prints and\n"
      "serves the clients attached to it. It is started by ptyd.\n"
      "\n"
      "  --socket PATH  the daemon's socket\n"
      "  --id ID        the session\n"
      "  --help         show this help\n"
      "  --version      show the version");
}

// An exit status when there is nothing more to do, else -1.
int parse(int argc, char** argv, Options& options) {
  enum : int { kSocket = 256, kId, kHelp, kVersionOption };
  constexpr option kOptions[] = {{"socket", required_argument, nullptr, kSocket},
                                 {"id", required_argument, nullptr, kId},
                                 {"help", no_argument, nullptr, kHelp},
                                 {"version", no_argument, nullptr, kVersionOption},
                                 {nullptr, 0, nullptr, 0}};
  for (int c = 0; (c = ::getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (c) {
      case kSocket: options.socket = optarg; break;
      case kId: options.id = optarg; break;
      case kHelp: print_help(); return 0;
      case kVersionOption: std::printf("ptyd-session %s\n", kVersion); return 0;
      default: return kUsageError;
    }
  }
  if (optind == argc && !options.socket.empty() && is_session_id(options.id)) return -1;
  log_line("needs --socket PATH and --id ID (16 hexadecimal digits), and nothing else");
  return kUsageError;
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

}  // namespace
}  // namespace ptyd

int main(int argc, char** argv) {
  ptyd::Options options;
  if (const int status = ptyd::parse(argc, argv, options); status >= 0) return status;
  try {
    ptyd::prepare_process();
    ptyd::EventLoop loop;
    ptyd::Host host(loop, options.socket, options.id);
    return host.run();
  } catch (const std::exception& e) {
    ptyd::log_line(e.what());
    return 1;
  }
}
