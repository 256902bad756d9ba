// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "common/user_database.hpp"
#include "daemon/worker.hpp"

namespace ptyd {

// Looks users up without making the loop wait for the name service, which may ask the network.
// Remembers what it found until the daemon ends.
class UserNames {
 public:
  explicit UserNames(EventLoop& loop) : worker_(loop) {}

  // Calls back at once when it is known. Not after the destruction.
  void look_up(uid_t uid, std::function<void(const UserInfo&)> done);

 private:
  std::map<uid_t, UserInfo> known_;
  std::map<uid_t, std::vector<std::function<void(const UserInfo&)>>> waiting_;
  Worker worker_;
};

}  // namespace ptyd
