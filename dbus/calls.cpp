// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/calls.hpp"

namespace ptyd {

bool Calls::admit(Call& call, uid_t uid, Kind kind) {
  auto& count = unanswered_of_[uid];
  if (count >= kMaxUnanswered) return false;
  ++count;
  call.uid = uid;
  if (kind == Kind::kBrief) call.token = lifecycle_.begin_request();
  return true;
}

bool Calls::finish(const std::shared_ptr<Call>& call) {
  if (unanswered_.erase(call) == 0) return false;
  if (!call->uid) return true;
  const auto of_user = unanswered_of_.find(*call->uid);
  if (--of_user->second == 0) unanswered_of_.erase(of_user);
  return true;
}

}  // namespace ptyd
