// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace ptyd {

struct UserInfo {
  std::string name;   // the uid as a number where it has none
  std::string shell;  // /bin/sh where it has none
  // HOME, USER, LOGNAME and SHELL, as "NAME=value"; without what the database does not say.
  std::vector<std::string> environment;
};

// Asks the user database (getpwuid_r(3)), which may ask the network: blocks.
UserInfo look_up_user(uid_t uid);

}  // namespace ptyd
