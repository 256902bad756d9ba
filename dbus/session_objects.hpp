// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/core.hpp"
#include "dbus/calls.hpp"
#include "dbus/session_object.hpp"

namespace ptyd {

// The sessions on the bus, and the signals of their coming, changing and going.
class SessionObjects {
 public:
  using Announce = std::function<void(const std::string& id, const sdbus::ObjectPath& path)>;

  // The callbacks emit SessionNew and SessionRemoved.
  SessionObjects(BusConnection& connection, Calls& calls, Core& core, Announce on_new,
                 Announce on_removed);
  ~SessionObjects();

  // Puts the session on the bus unless it is there.
  sdbus::ObjectPath ensure(const SessionPtr& session);
  // Tells at the end of this turn of the loop what has changed since it was last told.
  void change(const SessionPtr& session);
  void remove(const std::string& id);

 private:
  void emit_changes(const std::string& id);

  BusConnection& connection_;
  Calls& calls_;
  Core& core_;
  Announce on_new_;
  Announce on_removed_;
  std::map<std::string, std::shared_ptr<SessionObject>> objects_;  // by id
  std::set<std::string> changed_;
  std::vector<std::shared_ptr<SessionObject>> retired_;  // until no call of theirs can be running
  std::shared_ptr<bool> alive_;                          // false once destroyed, for posted tasks
};

}  // namespace ptyd
