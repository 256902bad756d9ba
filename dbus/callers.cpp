// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/callers.hpp"

#include <utility>

namespace ptyd {

Callers::Callers(BusConnection& connection)
    : connection_(connection),
      bus_(sdbus_compat::make_proxy(connection.get(), "org.freedesktop.DBus",
                                    "/org/freedesktop/DBus")) {}

void Callers::look_up(const std::string& sender, Answer answer) {
  if (const auto it = known_.find(sender); it != known_.end()) return answer(it->second);
  if (sender.empty() || waiting_count_ >= kMaxWaiting) return answer(std::nullopt);
  ++waiting_count_;
  auto& waiting = waiting_[sender];
  waiting.push_back(std::move(answer));
  if (waiting.size() == 1) ask(sender);
}

void Callers::ask(const std::string& sender) {
  connection_.send([this, sender] {
    bus_->callMethodAsync("GetConnectionUnixUser")
        .onInterface("org.freedesktop.DBus")
        .withArguments(sender)
        .uponReplyInvoke([this, sender](sdbus_compat::ReplyError error, std::uint32_t uid) {
          on_answer(sender, error ? std::nullopt : std::optional<uid_t>(uid));
        });
  });
}

void Callers::on_answer(const std::string& sender, std::optional<uid_t> uid) {
  if (uid) {
    if (known_.size() >= kMaxKnown) known_.clear();
    known_[sender] = *uid;
  }
  const auto node = waiting_.extract(sender);
  if (node.empty()) return;
  waiting_count_ -= node.mapped().size();
  for (const auto& answer : node.mapped()) answer(uid);
}

}  // namespace ptyd
