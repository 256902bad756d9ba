// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/paths.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace ptyd {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// These hold a list, separated by colons, when a unit names several; ours is the first.
std::string first_of_list(const char* name) {
  const auto value = variable(name);
  return value.substr(0, value.find(':'));
}

std::string first_set(std::initializer_list<std::string> candidates) {
  for (const auto& candidate : candidates)
    if (!candidate.empty()) return candidate;
  return {};
}

std::string xdg(const char* name, const std::string& below_home) {
  if (auto value = variable(name); !value.empty() && value.front() == '/') return value + "/ptyd";
  const auto home = variable("HOME");
  return home.empty() || below_home.empty() ? std::string() : home + below_home + "/ptyd";
}

std::string required(const std::string& path, const char* what, const char* hint) {
  if (path.empty()) throw std::runtime_error(std::string("no ") + what + ": set " + hint);
  return std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace

Paths find_paths(Scope scope, const PathOptions& options) {
  const bool user = scope == Scope::kUser;
  const auto configuration = first_of_list("CONFIGURATION_DIRECTORY");
  Paths paths;
  paths.runtime_dir = required(first_set({options.runtime_dir, first_of_list("RUNTIME_DIRECTORY"),
                                          user ? xdg("XDG_RUNTIME_DIR", "") : "/run/ptyd"}),
                               "runtime folder", "XDG_RUNTIME_DIR or --runtime-dir");
  paths.state_dir =
      required(first_set({options.state_dir, first_of_list("STATE_DIRECTORY"),
                          user ? xdg("XDG_STATE_HOME", "/.local/state") : "/var/lib/ptyd"}),
               "state folder", "HOME or --state-dir");
  paths.config_must_exist = !options.config.empty();
  paths.config = required(
      first_set({options.config, configuration.empty() ? "" : configuration + "/ptyd.yaml",
                 user ? xdg("XDG_CONFIG_HOME", "/.config") + "/ptyd.yaml" : "/etc/ptyd/ptyd.yaml"}),
      "configuration", "HOME or --config");
  paths.socket = options.socket.empty() ? paths.runtime_dir + "/ptyd.sock"
                                        : required(options.socket, "socket", "--socket");
  return paths;
}

void prepare_folder(const std::string& path, unsigned mode) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error) throw std::system_error(error, "cannot create the folder of " + path);
  if (::mkdir(path.c_str(), mode) == 0) {
    ::chmod(path.c_str(), mode);  // whatever the umask
    return;
  }
  if (errno != EEXIST)
    throw std::system_error(errno, std::generic_category(), "cannot create " + path);
  struct stat status {};
  if (::stat(path.c_str(), &status) < 0)
    throw std::system_error(errno, std::generic_category(), "cannot use " + path);
  if (!S_ISDIR(status.st_mode))
    throw std::system_error(ENOTDIR, std::generic_category(), "cannot use " + path);
  // Whoever else can write there could put a socket or a record of theirs in our place.
  if ((status.st_uid != ::geteuid() && status.st_uid != 0) || (status.st_mode & 0022) != 0)
    throw std::runtime_error("will not use " + path + ": others may write there (owner " +
                             std::to_string(status.st_uid) + "); it must be yours, mode 0700");
}

}  // namespace ptyd
