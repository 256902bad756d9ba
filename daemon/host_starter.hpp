// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/event_loop.hpp"
#include "daemon/result.hpp"
#include "daemon/session.hpp"

namespace ptyd {

// Brings a session host to life as the session's owner: `ptyd-session --socket PATH --id ID`. What
// the host is to run it asks for itself, once it has registered, so that neither command lines nor
// the service manager ever show a session's environment.
class HostStarter {
 public:
  virtual ~HostStarter() = default;
  // Whether this starter can start sessions of `uid` at all.
  [[nodiscard]] virtual Status may_start(uid_t uid) const = 0;
  // `failed` is called, once and not from within, if the host ends or cannot be started before
  // forget(). That it lives shows by its registering.
  virtual void start(const Session& session, std::function<void(Error)> failed) = 0;
  // The host has registered: `failed` is not called any more.
  virtual void forget(const std::string& id) = 0;
  // The same for a start that is given up. What there is of the host, or is still to come, goes.
  virtual void abandon(const Session& session) = 0;
  // Kills what a host carries that does not obey. The host itself is its caller's to kill, too.
  virtual void kill(const Session& session) = 0;
  // The systemd unit that carries, or is to carry, the session of this id; empty if none does.
  [[nodiscard]] virtual std::string unit_of(const std::string& id) const = 0;

  void set_program(std::string program) { program_ = std::move(program); }

 protected:
  [[nodiscard]] const std::string& program() const { return program_; }

 private:
  std::string program_;
};

// Without systemd: the host is a child process, so of the daemon's own uid only.
class DirectStarter final : public HostStarter {
 public:
  DirectStarter(EventLoop& loop, std::string socket_path);

  [[nodiscard]] Status may_start(uid_t uid) const override;
  void start(const Session& session, std::function<void(Error)> failed) override;
  void forget(const std::string& id) override;
  void abandon(const Session& session) override;
  void kill(const Session& session) override;
  [[nodiscard]] std::string unit_of(const std::string&) const override { return {}; }

 private:
  struct Child {
    UniqueFd pidfd;
    std::unique_ptr<IoWatch> exited;
    std::function<void(Error)> failed;
  };
  void fail_later(const std::string& id, Error error);

  EventLoop& loop_;
  std::string socket_path_;
  std::map<std::string, Child> children_;  // started and not yet registered
};

}  // namespace ptyd
