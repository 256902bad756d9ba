// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>

#include "tests/support/deadline.hpp"
#include "tests/support/process.hpp"
#include "tests/support/protocol_client.hpp"

// The machine that a system test has to itself: a freshly booted Debian, with the test as root.
// What a test changes in it is gone with it. A failed test is followed by what its journal says
// about ptyd.
namespace ptyd::test {

// As they are installed.
inline constexpr char kPtyd[] = "/usr/sbin/ptyd";
inline constexpr char kPtyctl[] = "/usr/bin/ptyctl";
inline constexpr char kPtydSession[] = "/usr/libexec/ptyd/ptyd-session";
inline constexpr char kSystemSocket[] = "/run/ptyd/ptyd.sock";

// Its Debian release: "bookworm".
std::string release();

RunResult systemctl(const Arguments& arguments);
// Without the newline; empty when the unit has no such property.
std::string unit_property(const std::string& unit, const std::string& property);
// Waits until the property has the value.
testing::AssertionResult wait_for_property(const std::string& unit, const std::string& property,
                                           const std::string& value,
                                           std::chrono::milliseconds timeout = kPatience);
// The messages of a unit since the boot, one a line; flushed, so what was logged before is there.
std::string journal(const std::string& unit);
// The same of a unit of a user's manager.
std::string user_journal(const std::string& user, const std::string& unit);
// Waits until journal(unit) has the text.
testing::AssertionResult wait_for_journal(const std::string& unit, const std::string& text,
                                          std::chrono::milliseconds timeout = kPatience);

// Adds to a unit's settings: "[Service]\nTimeoutStopSec=3\n". Does not restart it.
void write_drop_in(const std::string& unit, std::string_view text);

// Whether cgroup2 has the controller here: on a computer with cgroup v1 beside it, it may not.
bool has_controller(const std::string& name);

// "alice", "bob" and "carol" are the machine's users.
uid_t uid_of(const std::string& user);
// The command line that runs a command as a user, with the environment that a login gives, and
// XDG_RUNTIME_DIR when there is one. For run(), Process and Terminal.
Arguments as_user(const std::string& user, const Arguments& arguments);
// Starts the user's manager, as a login does, and keeps it on.
void enable_linger(const std::string& user);

// A client of the daemon that the daemon takes for this user's. Throws std::system_error.
ProtocolClient connect_as(const std::string& user, const std::string& socket = kSystemSocket);

// Ends the machine ("poweroff" or "reboot"), and this test with it, which does `meanwhile` if it is
// left the time. The machine boots again, with the disk as it was left, for the test `next`: its
// result is the result. Such a second half is named "Suite.DISABLED_Name", so that it is never run
// for itself.
[[noreturn]] void end_machine_then(
    const std::string& next, const std::string& verb = "poweroff",
    const std::function<void()>& meanwhile = [] {});

}  // namespace ptyd::test
