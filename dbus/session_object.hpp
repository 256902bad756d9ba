// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <ptyd_dbus/session_adaptor.hpp>
#include <string>
#include <vector>

#include "daemon/core.hpp"
#include "dbus/calls.hpp"

namespace ptyd {

// org.ptyd1.Session: one session on the bus. Not to be destroyed while the bus handles a call.
class SessionObject final : public sdbus::AdaptorInterfaces<org::ptyd1::Session_adaptor> {
 public:
  SessionObject(BusConnection& connection, Calls& calls, Core& core, SessionPtr session);
  ~SessionObject();

  [[nodiscard]] const SessionPtr& session() const { return session_; }
  // These emit now; throw sdbus::Error.
  void emit_added() { getObject().emitInterfacesAddedSignal(); }
  void emit_removed() { getObject().emitInterfacesRemovedSignal(); }
  // PropertiesChanged for what has changed since it was last told of.
  void emit_changes();

 private:
  void Terminate(sdbus::Result<>&& result) override;
  void Kill(sdbus::Result<>&& result, std::int32_t signal) override;
  void SendInput(sdbus::Result<>&& result, std::vector<std::uint8_t> input) override;
  void Resize(sdbus::Result<>&& result, std::uint16_t rows, std::uint16_t columns) override;
  void Capture(sdbus::Result<std::vector<std::uint8_t>>&& result, std::uint32_t lines) override;
  void Attach(sdbus::Result<sdbus::UnixFd>&& result,
              std::map<std::string, sdbus::Variant> options) override;

  std::string Id() override;
  std::string Name() override;
  std::uint32_t Uid() override;
  std::string User() override;
  std::string State() override;
  std::vector<std::string> Command() override;
  std::string Cwd() override;
  std::uint32_t Pid() override;
  std::uint32_t HostPid() override;
  std::string Terminal() override;
  std::uint16_t Rows() override;
  std::uint16_t Columns() override;
  std::uint32_t Clients() override;
  std::uint64_t CreatedAt() override;
  std::uint64_t StartedAt() override;
  std::uint64_t LastActivity() override;
  std::uint64_t EndedAt() override;
  std::string EndedBy() override;
  std::int32_t ExitStatus() override;
  std::uint64_t OutputBytes() override;
  std::string StopInput() override;
  std::string OnDrain() override;
  std::uint32_t StopTimeoutMs() override;
  std::uint64_t ScrollbackBytes() override;
  std::string Unit() override;
  bool Supervised() override;

  Calls& calls_;
  Core& core_;
  const SessionPtr session_;
  Json told_;  // the session as it was last told of
};

}  // namespace ptyd
