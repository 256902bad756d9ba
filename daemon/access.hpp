// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <string>

namespace ptyd {

// Who asks for something, as the kernel or the bus vouches for it.
struct Caller {
  uid_t uid = static_cast<uid_t>(-1);
  std::string label;      // "client 12", ":1.34": for the log
  std::string request{};  // what it asks in, see Request::id(): for the log
};

// root, and for a daemon that runs as a user that user, may use all sessions and the daemon itself.
inline bool is_admin(const Caller& caller) { return caller.uid == 0 || caller.uid == ::geteuid(); }
// A session is its owner's and root's.
inline bool may_use(const Caller& caller, uid_t owner) {
  return caller.uid == owner || is_admin(caller);
}

}  // namespace ptyd
