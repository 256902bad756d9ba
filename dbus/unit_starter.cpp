// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/unit_starter.hpp"

#include <signal.h>
#include <unistd.h>

#include <utility>

#include "common/service/log.hpp"
#include "dbus/session_unit.hpp"

namespace ptyd {

UnitStarter::UnitStarter(EventLoop& loop, Scope scope, std::string socket_path)
    : scope_(scope), socket_path_(std::move(socket_path)), units_(loop, scope == Scope::kSystem) {}

Status UnitStarter::may_start(uid_t uid) const {
  if (scope_ == Scope::kSystem || uid == ::geteuid()) return ok();
  return Error{ErrorCode::kUnsupported,
               "a user's ptyd has sessions of uid " + std::to_string(::geteuid()) + " only"};
}

void UnitStarter::start(const Session& session, std::function<void(Error)> failed) {
  units_.start(session_unit_name(session.id()),
               session_unit(session, scope_, program(), socket_path_), std::move(failed));
}

void UnitStarter::forget(const std::string& id) { units_.forget(session_unit_name(id)); }

void UnitStarter::abandon(const Session& session) {
  const auto unit = session_unit_name(session.id());
  units_.forget(unit);
  units_.stop(unit);
}

// By systemd, which has the unit's whole cgroup.
void UnitStarter::kill(const Session& session) {
  units_.kill(session_unit_name(session.id()), SIGKILL);
}

std::string UnitStarter::unit_of(const std::string& id) const { return session_unit_name(id); }

std::unique_ptr<Systemd> make_systemd(EventLoop& loop, Scope scope, std::string socket_path) {
  return std::make_unique<UnitStarter>(loop, scope, std::move(socket_path));
}

}  // namespace ptyd
