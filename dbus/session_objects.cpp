// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/session_objects.hpp"

#include <utility>

namespace ptyd {

SessionObjects::SessionObjects(BusConnection& connection, Calls& calls, Core& core, Announce on_new,
                               Announce on_removed)
    : connection_(connection),
      calls_(calls),
      core_(core),
      on_new_(std::move(on_new)),
      on_removed_(std::move(on_removed)),
      alive_(std::make_shared<bool>(true)) {}

SessionObjects::~SessionObjects() { *alive_ = false; }

sdbus::ObjectPath SessionObjects::ensure(const SessionPtr& session) {
  const auto id = session->id();
  auto path = session_path(id);
  if (objects_.count(id) != 0) return path;
  const auto object = std::make_shared<SessionObject>(connection_, calls_, core_, session);
  objects_[id] = object;
  connection_.send([object] { object->emit_added(); });
  connection_.send([this, id, path] { on_new_(id, path); });
  return path;
}

void SessionObjects::change(const SessionPtr& session) {
  ensure(session);
  const auto id = session->id();
  if (!changed_.insert(id).second) return;
  core_.loop.post([this, id, alive = alive_] {
    if (*alive) connection_.send([this, id] { emit_changes(id); });
  });
}

void SessionObjects::emit_changes(const std::string& id) {
  changed_.erase(id);
  if (const auto it = objects_.find(id); it != objects_.end()) it->second->emit_changes();
}

void SessionObjects::remove(const std::string& id) {
  const auto node = objects_.extract(id);
  if (node.empty()) return;
  const auto object = node.mapped();
  connection_.send([object] { object->emit_removed(); });
  connection_.send([this, id] { on_removed_(id, session_path(id)); });
  retired_.push_back(object);
  core_.loop.post([this, alive = alive_] {
    if (*alive) retired_.clear();
  });
}

}  // namespace ptyd
