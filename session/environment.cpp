// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/environment.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace ptyd {
namespace {

constexpr const char* kDefaultPath = "/usr/local/bin:/usr/bin:/bin";
constexpr const char* kDefaultShell = "/bin/sh";

// They tell a process about itself or its folder, and the command is another process.
constexpr std::array<std::string_view, 9> kHostOnly = {
    "NOTIFY_SOCKET",    "INVOCATION_ID", "JOURNAL_STREAM",
    "MAINPID",          "MANAGERPID",    "MANAGERPIDFDID",
    "SYSTEMD_EXEC_PID", "PWD",           "OLDPWD"};
// Of the unit: the command's business only where the unit is its own.
constexpr std::array<std::string_view, 6> kUnitOnly = {
    "RUNTIME_DIRECTORY",       "STATE_DIRECTORY", "CACHE_DIRECTORY",
    "CONFIGURATION_DIRECTORY", "LOGS_DIRECTORY",  "CREDENTIALS_DIRECTORY"};
constexpr std::array<std::string_view, 3> kHostOnlyPrefixes = {"LISTEN_", "WATCHDOG_", "PTYD_"};

std::string_view name_in(std::string_view entry) { return entry.substr(0, entry.find('=')); }

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_host_only(std::string_view name, bool supervised) {
  return contains(kHostOnly, name) || (!supervised && contains(kUnitOnly, name)) ||
         std::any_of(kHostOnlyPrefixes.begin(), kHostOnlyPrefixes.end(),
                     [&](auto prefix) { return name.starts_with(prefix); });
}

void set(Environment& environment, std::string entry) {
  const auto name = name_in(entry);
  const auto at = std::find_if(environment.begin(), environment.end(),
                               [&](const auto& other) { return name_in(other) == name; });
  if (at == environment.end())
    environment.push_back(std::move(entry));
  else
    *at = std::move(entry);
}

void set_if_missing(Environment& environment, const std::string& name, std::string_view value) {
  if (!value.empty() && value_of(environment, name).empty())
    set(environment, name + "=" + std::string(value));
}

void fill_in_user(Environment& environment, const Environment& of_user) {
  for (const auto& entry : of_user)
    set_if_missing(environment, std::string(name_in(entry)), value_of(of_user, name_in(entry)));
  set_if_missing(environment, "SHELL", kDefaultShell);
}

void fill_in_runtime_folder(Environment& environment) {
  const auto folder = "/run/user/" + std::to_string(::getuid());
  struct stat status {};
  if (::stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
      status.st_uid == ::getuid())
    set_if_missing(environment, "XDG_RUNTIME_DIR", folder);
}

}  // namespace

std::string_view value_of(const Environment& environment, std::string_view name) {
  for (const auto& entry : environment)
    if (name_in(entry) == name && entry.size() > name.size())
      return std::string_view(entry).substr(name.size() + 1);
  return {};
}

Environment session_environment(const SessionSpec& spec, const char* const* inherited,
                                bool supervised) {
  Environment environment;
  for (auto at = inherited; at != nullptr && *at != nullptr; ++at)
    if (!is_host_only(name_in(*at), supervised)) environment.emplace_back(*at);
  for (const auto& entry : spec.environment) set(environment, entry);
  fill_in_user(environment, spec.user_environment);
  fill_in_runtime_folder(environment);
  set_if_missing(environment, "PATH", kDefaultPath);
  set(environment, "TERM=" + (spec.term.empty() ? std::string(kDefaultTerm) : spec.term));
  set(environment, "PTYD_SESSION=" + spec.name);
  set(environment, "PTYD_SESSION_ID=" + spec.id);
  return environment;
}

}  // namespace ptyd
