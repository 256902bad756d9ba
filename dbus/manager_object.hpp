// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <ptyd_dbus/manager_adaptor.hpp>
#include <string>
#include <vector>

#include "daemon/core.hpp"
#include "dbus/calls.hpp"
#include "dbus/session_objects.hpp"

namespace ptyd {

// org.ptyd1.Manager: ptyd itself on the bus, and the object manager of its sessions.
class ManagerObject final
    : public sdbus::AdaptorInterfaces<org::ptyd1::Manager_adaptor, sdbus::ObjectManager_adaptor> {
 public:
  // `shows_details`: everybody on this bus may know what is wrong with the state on disk.
  ManagerObject(BusConnection& connection, Calls& calls, Core& core, bool shows_details);
  ~ManagerObject();

  [[nodiscard]] SessionObjects& sessions() { return sessions_; }
  // Tells at the end of this turn of the loop which properties have changed.
  void change();
  void tell_state(DaemonState from, DaemonState to);
  void tell_queued(const std::string& id);
  void tell_queue_change(const std::string& id, const std::string& state);
  void tell_progress(const DrainProgress& progress);
  void tell_machine_shutdown(std::chrono::milliseconds warning);

 private:
  using SessionRow = sdbus::Struct<std::string, std::string, std::uint32_t, std::string,
                                   std::string, std::uint32_t, sdbus::ObjectPath>;

  void CreateSession(sdbus::Result<std::string, sdbus::ObjectPath>&& result,
                     std::map<std::string, sdbus::Variant> properties) override;
  void GetSession(sdbus::Result<sdbus::ObjectPath>&& result, std::string session) override;
  void ListSessions(sdbus::Result<std::vector<SessionRow>>&& result) override;
  void TerminateSession(sdbus::Result<>&& result, std::string session) override;
  void KillSession(sdbus::Result<>&& result, std::string session, std::int32_t signal) override;
  void SendInput(sdbus::Result<>&& result, std::string session,
                 std::vector<std::uint8_t> input) override;
  void AttachSession(sdbus::Result<sdbus::UnixFd>&& result, std::string session,
                     std::map<std::string, sdbus::Variant> options) override;
  void Drain(sdbus::Result<>&& result, std::map<std::string, sdbus::Variant> options) override;
  void CancelDrain(sdbus::Result<>&& result) override;

  std::string Version() override;
  std::string InstanceId() override;
  std::string State() override;
  std::uint64_t StartTimestamp() override;
  std::uint32_t SessionCount() override;
  std::uint32_t ClientCount() override;
  std::uint32_t QueuedCount() override;
  std::uint64_t DrainDeadline() override;
  std::string StoreStatus() override;

  [[nodiscard]] Json changing_properties();
  void update_deadline();
  void emit_changes();

  BusConnection& connection_;
  Calls& calls_;
  Core& core_;
  const bool shows_details_;
  SessionObjects sessions_;
  std::optional<WallTime> drain_deadline_;
  Json told_;  // the changing properties as they were last told
  bool changed_ = false;
  std::shared_ptr<bool> alive_;  // false once destroyed, for posted tasks
};

}  // namespace ptyd
