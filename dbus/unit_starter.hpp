// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "daemon/systemd.hpp"
#include "dbus/unit_manager.hpp"

namespace ptyd {

// Each session host is a transient service: of the system's manager, which makes it the owner's
// through PAM, or of the user's.
class UnitStarter final : public Systemd, public HostStarter {
 public:
  UnitStarter(EventLoop& loop, Scope scope, std::string socket_path);

  [[nodiscard]] HostStarter& starter() override { return *this; }
  void ask_own_job(Completion<std::string> done) override { units_.ask_own_job(std::move(done)); }

  [[nodiscard]] Status may_start(uid_t uid) const override;
  void start(const Session& session, std::function<void(Error)> failed) override;
  void forget(const std::string& id) override;
  void abandon(const Session& session) override;
  void kill(const Session& session) override;
  [[nodiscard]] std::string unit_of(const std::string& id) const override;

 private:
  const Scope scope_;
  const std::string socket_path_;
  UnitManager units_;
};

}  // namespace ptyd
