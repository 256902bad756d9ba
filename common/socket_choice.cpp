// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/socket_choice.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "common/environment.hpp"

namespace ptyd {
namespace {

constexpr char kSystemSocket[] = "/run/ptyd/ptyd.sock";

std::string own_socket() {
  const auto runtime = environment_variable("XDG_RUNTIME_DIR").value_or("");
  return runtime.empty() ? std::string() : runtime + "/ptyd/ptyd.sock";
}

std::string how_to_start(const std::string& path) {
  if (path == kSystemSocket) return "start it with 'systemctl start ptyd.socket'";
  if (path == own_socket()) return "start it with 'systemctl --user start ptyd.socket'";
  return "start it with 'ptyd --socket " + path + "' or choose another with --socket";
}

}  // namespace

std::optional<std::string> choose_socket(const std::string& given, bool user, bool system,
                                         std::string& problem) {
  if (!given.empty()) return given;
  if (auto path = environment_variable("PTYD_SOCKET").value_or(""); !path.empty()) return path;
  if (system) return kSystemSocket;
  const auto own = own_socket();
  if (user) {
    if (!own.empty()) return own;
    problem =
        "XDG_RUNTIME_DIR is not set, so --user has no socket: log in properly or use --socket";
    return std::nullopt;
  }
  const bool prefer_own = ::geteuid() != 0 && !own.empty();
  return prefer_own && ::access(own.c_str(), F_OK) == 0 ? own : std::string(kSystemSocket);
}

std::string connect_problem(const std::string& path, int error_number) {
  switch (error_number) {
    case ENOENT: return "no daemon: there is no socket " + path + "; " + how_to_start(path);
    case ECONNREFUSED: return "no daemon: nobody listens on " + path + "; " + how_to_start(path);
    case EACCES:
      return "no permission to connect to " + path + "; choose your own daemon with --user";
    case EAGAIN: return "the daemon on " + path + " has too many callers waiting; try again";
    default:
      return "cannot connect to " + path + ": " + std::generic_category().message(error_number);
  }
}

}  // namespace ptyd
