// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/user_database.hpp"

#include <pwd.h>

#include <string_view>

namespace ptyd {
namespace {

// Larger than any sane entry; one that does not fit is as good as none.
constexpr std::size_t kEntrySize = 64 * 1024;
// Of one value, so that all of them fit beside a command line of kMaxCommandBytes.
constexpr std::size_t kMaxValue = 1024;

}  // namespace

UserInfo look_up_user(uid_t uid) {
  UserInfo info{std::to_string(uid), "/bin/sh", {}};
  std::vector<char> buffer(kEntrySize);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return info;
  info.name = found->pw_name;
  if (found->pw_shell != nullptr && found->pw_shell[0] == '/') info.shell = found->pw_shell;
  const auto add = [&info](const char* name, const std::string& value) {
    if (!value.empty() && value.size() <= kMaxValue)
      info.environment.push_back(std::string(name).append("=").append(value));
  };
  add("HOME", found->pw_dir == nullptr ? "" : found->pw_dir);
  add("USER", info.name);
  add("LOGNAME", info.name);
  add("SHELL", info.shell);
  return info;
}

}  // namespace ptyd
