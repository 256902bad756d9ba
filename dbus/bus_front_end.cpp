// SPDX-License-Identifier: LGPL-2.1-or-later
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/service/log.hpp"
#include "daemon/front_end.hpp"
#include "dbus/bus_connection.hpp"
#include "dbus/calls.hpp"
#include "dbus/manager_object.hpp"

namespace ptyd {
namespace {

// For the bus to answer a call of ours: at the start-up, which waits, and later, when none does.
constexpr std::chrono::seconds kBusPatience{5};

std::unique_ptr<sdbus::IConnection> open_bus(bool system_bus) {
  auto connection =
      system_bus ? sdbus::createSystemBusConnection() : sdbus::createSessionBusConnection();
  connection->setMethodCallTimeout(kBusPatience);
  return connection;
}

// Throws std::runtime_error that says what to do.
void take_name(sdbus::IConnection& connection) {
  try {
    sdbus_compat::request_name(connection, kBusName);
  } catch (const sdbus::Error& e) {
    const std::string name = kBusName;
    if (e.getName() == "org.freedesktop.DBus.Error.FileExists")
      throw std::runtime_error("another process has the name " + name + " on this bus");
    if (e.getName() == "org.freedesktop.DBus.Error.AccessDenied")
      throw std::runtime_error("the bus does not allow the name " + name + "; is " + name +
                               ".conf installed?");
    throw std::runtime_error(e.getMessage());
  }
}

// All that goes when the bus goes, in the order in which its parts need each other.
struct BusParts {
  BusParts(Core& core, bool system_bus, std::function<void(const std::string&)> on_lost)
      : connection(core.loop, open_bus(system_bus), std::move(on_lost)),
        calls(connection, core.requests),
        manager(connection, calls, core, /*shows_details=*/!system_bus) {}

  BusConnection connection;
  Calls calls;
  ManagerObject manager;
};

class BusFrontEnd final : public FrontEnd, private SessionObserver, private LifecycleObserver {
 public:
  // Throws sdbus::Error or std::runtime_error.
  BusFrontEnd(Core& core, bool system_bus) : core_(core) {
    parts_ = std::make_unique<BusParts>(core, system_bus,
                                        [this](const std::string& reason) { on_lost(reason); });
    for (const auto& [id, session] : core.sessions.registry().all())
      parts_->manager.sessions().ensure(session);
    // Last: who sees the name finds everything behind it.
    take_name(parts_->connection.get());
    parts_->connection.start();
    core.sessions.add_observer(this);
    core.lifecycle.add_observer(this);
    core.on_connections_changed = [this] {
      if (parts_) parts_->manager.change();
    };
    core.on_machine_shutdown = [this](std::chrono::milliseconds warning) {
      if (parts_) parts_->manager.tell_machine_shutdown(warning);
    };
  }

  ~BusFrontEnd() override {
    core_.on_machine_shutdown = [](std::chrono::milliseconds) {};
    core_.on_connections_changed = [] {};
    core_.lifecycle.remove_observer(this);
    core_.sessions.remove_observer(this);
  }

 private:
  void on_lost(const std::string& reason) {
    log::warn("The message bus is gone (" + reason + "); the socket serves all the same");
    parts_.reset();
  }

  void on_session_added(const Session& session) override { on_session_changed(session); }

  void on_session_changed(const Session& session) override {
    if (!parts_) return;
    if (const auto found = core_.sessions.registry().by_id(session.id()))
      parts_->manager.sessions().change(found);
    parts_->manager.change();
  }

  void on_session_removed(const Session& session) override {
    if (!parts_) return;
    parts_->manager.sessions().remove(session.id());
    parts_->manager.change();
  }

  void on_store_status_changed() override {
    if (parts_) parts_->manager.change();
  }

  void on_queue_added(const QueueEntry& entry) override {
    if (parts_) parts_->manager.tell_queued(entry.id());
  }

  void on_queue_changed(const QueueEntry& entry, bool removed) override {
    if (parts_)
      parts_->manager.tell_queue_change(entry.id(), removed ? "removed" : to_string(entry.state));
  }

  void on_state_changed(DaemonState from, DaemonState to) override {
    if (parts_) parts_->manager.tell_state(from, to);
  }

  void on_drain_progress(const DrainProgress& progress) override {
    if (parts_) parts_->manager.tell_progress(progress);
  }

  Core& core_;
  std::unique_ptr<BusParts> parts_;  // null once the bus is lost
};

}  // namespace

std::unique_ptr<FrontEnd> connect_bus(Core& core, bool system_bus, std::string& problem) {
  try {
    return std::make_unique<BusFrontEnd>(core, system_bus);
  } catch (const sdbus::Error& e) {
    problem = e.getMessage();
  } catch (const std::exception& e) {
    problem = e.what();
  }
  return nullptr;
}

}  // namespace ptyd
