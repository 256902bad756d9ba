// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/session_unit.hpp"

#include <chrono>
#include <cstdint>

#include "dbus/bus_values.hpp"

namespace ptyd {
namespace {

// What a host takes at most beyond its session's stop timeout: 3 s of SIGKILL, 5 s for viewers that
// take the end slowly, 3 s for a daemon that takes note of it.
constexpr std::chrono::seconds kStopMargin{15};

template <typename T>
void add(UnitProperties& properties, const char* name, T value) {
  properties.emplace_back(std::string(name), sdbus::Variant(std::move(value)));
}

std::uint64_t to_usec(std::chrono::microseconds time) {
  return static_cast<std::uint64_t>(time.count());
}

}  // namespace

std::string session_unit_name(const std::string& id) { return "ptyd-session-" + id + ".service"; }

UnitProperties session_unit(const Session& session, Scope scope, const std::string& program,
                            const std::string& socket_path) {
  using Command = sdbus::Struct<std::string, std::vector<std::string>, bool>;
  const std::vector<std::string> words{program, "--socket", socket_path, "--id", session.id()};
  UnitProperties unit;
  add(unit, "Description", "Terminal session " + session.name() + " of " + bus_text(session.user));
  add(unit, "Slice", std::string("ptyd.slice"));
  // Not "exec": with PAMName= systemd 252 takes such a unit for starting until it is too late,
  // because the process that it makes for PAM keeps open what tells that the program runs.
  add(unit, "Type", std::string("simple"));
  add(unit, "ExecStart", std::vector<Command>{Command(program, words, false)});
  if (scope == Scope::kSystem) {
    add(unit, "User", std::to_string(session.uid));
    add(unit, "PAMName", std::string("ptyd"));
  }
  add(unit, "StandardInput", std::string("null"));
  add(unit, "StandardOutput", std::string("journal"));
  add(unit, "StandardError", std::string("journal"));
  // The host ends its session itself, in order; SIGKILL to all that is left when it does not.
  add(unit, "KillMode", std::string("mixed"));
  add(unit, "TimeoutStopUSec",
      to_usec(std::chrono::milliseconds(session.spec.stop_timeout_ms) + kStopMargin));
  // One process that ate too much memory is not its whole session.
  add(unit, "OOMPolicy", std::string("continue"));
  // The record tells how it ended; a unit that failed need not stay for that.
  add(unit, "CollectMode", std::string("inactive-or-failed"));
  // At a shutdown ptyd stops first, and ends the sessions in order: see that unit.
  add(unit, "Before", std::vector<std::string>{"ptyd-sessions.target"});
  // And before what people work with: network, other machines' disks, their accounts.
  if (scope == Scope::kSystem)
    add(unit, "After",
        std::vector<std::string>{"network.target", "remote-fs.target", "nss-user-lookup.target",
                                 "systemd-user-sessions.service"});
  // Neither login sessions nor these end with systemctl isolate.
  add(unit, "IgnoreOnIsolate", true);
  return unit;
}

}  // namespace ptyd
