// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/user_names.hpp"

#include <memory>

namespace ptyd {

void UserNames::look_up(uid_t uid, std::function<void(const UserInfo&)> done) {
  if (const auto it = known_.find(uid); it != known_.end()) return done(it->second);
  auto& waiting = waiting_[uid];
  waiting.push_back(std::move(done));
  if (waiting.size() > 1) return;
  auto info = std::make_shared<UserInfo>();
  worker_.post([info, uid] { *info = look_up_user(uid); },
               [this, info, uid] {
                 known_[uid] = *info;
                 const auto node = waiting_.extract(uid);
                 for (const auto& callback : node.mapped()) callback(*info);
               });
}

}  // namespace ptyd
