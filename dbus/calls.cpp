// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/calls.hpp"

namespace ptyd {

bool Calls::admit(const std::shared_ptr<Call>& call, Caller& caller, const std::string& method,
                  Kind kind) {
  const std::weak_ptr<Call> weak = call;
  call->request = requests_.begin(method, caller, kind, [this, weak](Request&, const Error& error) {
    if (const auto owed = weak.lock()) refuse(owed, error);
  });
  caller.request = call->request->id();
  auto& count = unanswered_of_[caller.uid];
  if (count >= kMaxUnanswered) return false;
  ++count;
  call->uid = caller.uid;
  return true;
}

bool Calls::finish(const std::shared_ptr<Call>& call, std::optional<ErrorCode> failure) {
  if (unanswered_.erase(call) == 0) return false;
  // A call whose caller the bus does not know has not become a request.
  if (call->request) (void)(failure ? call->request->fail(*failure) : call->request->succeed());
  if (!call->uid) return true;
  const auto of_user = unanswered_of_.find(*call->uid);
  if (--of_user->second == 0) unanswered_of_.erase(of_user);
  return true;
}

void Calls::refuse(const std::shared_ptr<Call>& call, const Error& error) {
  if (!finish(call, error.code)) return;
  connection_.send([call, error = bus_error(error)] { call->fail(error); });
}

}  // namespace ptyd
