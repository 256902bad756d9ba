// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/user_names.hpp"

#include <pwd.h>

#include <memory>

namespace ptyd {
namespace {

UserInfo ask_name_service(uid_t uid) {
  UserInfo info{std::to_string(uid), "/bin/sh"};
  // Larger than any sane entry; one that does not fit is as good as none.
  std::vector<char> buffer(64 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return info;
  info.name = found->pw_name;
  if (found->pw_shell != nullptr && found->pw_shell[0] == '/') info.shell = found->pw_shell;
  return info;
}

}  // namespace

void UserNames::look_up(uid_t uid, std::function<void(const UserInfo&)> done) {
  if (const auto it = known_.find(uid); it != known_.end()) return done(it->second);
  auto& waiting = waiting_[uid];
  waiting.push_back(std::move(done));
  if (waiting.size() > 1) return;
  auto info = std::make_shared<UserInfo>();
  worker_.post([info, uid] { *info = ask_name_service(uid); },
               [this, info, uid] {
                 known_[uid] = *info;
                 const auto node = waiting_.extract(uid);
                 for (const auto& callback : node.mapped()) callback(*info);
               });
}

}  // namespace ptyd
