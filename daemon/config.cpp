// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/config.hpp"

#include <array>

#include "common/scrollback/layout.hpp"
#include "common/text.hpp"
#include "daemon/session.hpp"

namespace ptyd {
namespace {

using std::chrono::milliseconds;

constexpr std::array<std::pair<const char*, StarterChoice>, 3> kStarters{{
    {"auto", StarterChoice::kAuto},
    {"systemd", StarterChoice::kSystemd},
    {"direct", StarterChoice::kDirect},
}};

constexpr std::array<std::pair<const char*, QueueChoice>, 3> kQueueChoices{{
    {"asked", QueueChoice::kAsked},
    {"always", QueueChoice::kAlways},
    {"never", QueueChoice::kNever},
}};

constexpr auto kDay = std::chrono::hours(24);
// More sessions or clients than descriptors can be had for.
constexpr std::uint64_t kMaxCount = 100'000;

constexpr ConfigEntry<Config> kEntries[] = {
    {"log.level",
     [](Config& c, const std::string& t) { return set_word(c.log.level, t, kLogLevels); },
     [](const Config& c) { return get_word(c.log.level, kLogLevels); }},
    {"log.target",
     [](Config& c, const std::string& t) { return set_word(c.log.target, t, kLogTargets); },
     [](const Config& c) { return get_word(c.log.target, kLogTargets); }},
    {"limits.sessions",
     [](Config& c, const std::string& t) { return set_count(c.limits.sessions, t, 1, kMaxCount); },
     [](const Config& c) { return std::to_string(c.limits.sessions); }},
    {"limits.sessions_per_user",
     [](Config& c, const std::string& t) {
       return set_count(c.limits.sessions_per_user, t, 1, kMaxCount);
     },
     [](const Config& c) { return std::to_string(c.limits.sessions_per_user); }},
    {"limits.queued",
     [](Config& c, const std::string& t) { return set_count(c.limits.queued, t, 1, kMaxCount); },
     [](const Config& c) { return std::to_string(c.limits.queued); }},
    {"limits.queued_per_user",
     [](Config& c, const std::string& t) {
       return set_count(c.limits.queued_per_user, t, 1, kMaxCount);
     },
     [](const Config& c) { return std::to_string(c.limits.queued_per_user); }},
    {"limits.clients",
     [](Config& c, const std::string& t) { return set_count(c.limits.clients, t, 1, kMaxCount); },
     [](const Config& c) { return std::to_string(c.limits.clients); }},
    {"limits.clients_per_user",
     [](Config& c, const std::string& t) {
       return set_count(c.limits.clients_per_user, t, 1, kMaxCount);
     },
     [](const Config& c) { return std::to_string(c.limits.clients_per_user); }},
    {"sessions.starter",
     [](Config& c, const std::string& t) { return set_word(c.sessions.starter, t, kStarters); },
     [](const Config& c) { return get_word(c.sessions.starter, kStarters); }},
    {"sessions.program",
     [](Config& c, const std::string& t) -> std::string {
       if (!t.empty() && t.front() != '/') return "expected an absolute path";
       c.sessions.program = t;
       return {};
     },
     [](const Config& c) { return c.sessions.program; }},
    {"sessions.term",
     [](Config& c, const std::string& t) -> std::string {
       if (t.empty() || t.size() > 64 || printable(t) != t || t.find('/') != std::string::npos)
         return "expected the name of a terminal type such as xterm-256color";
       c.sessions.term = t;
       return {};
     },
     [](const Config& c) { return c.sessions.term; }},
    {"sessions.scrollback",
     [](Config& c, const std::string& t) {
       return set_size(c.sessions.scrollback, t, kMinScrollback, kMaxScrollback);
     },
     [](const Config& c) { return format_size(c.sessions.scrollback); }},
    {"sessions.stop_timeout",
     [](Config& c, const std::string& t) {
       return set_duration(c.sessions.stop_timeout, t, milliseconds(1), kDay);
     },
     [](const Config& c) { return format_duration(c.sessions.stop_timeout); }},
    {"sessions.idle_after",
     [](Config& c, const std::string& t) {
       return set_duration(c.sessions.idle_after, t, milliseconds(1), kDay);
     },
     [](const Config& c) { return format_duration(c.sessions.idle_after); }},
    {"sessions.restore",
     [](Config& c, const std::string& t) { return set_word(c.sessions.restore, t, kRestoreWords); },
     [](const Config& c) { return get_word(c.sessions.restore, kRestoreWords); }},
    {"sessions.on_drain",
     [](Config& c, const std::string& t) {
       return set_word(c.sessions.terminate_on_drain, t, kOnDrainWords);
     },
     [](const Config& c) { return get_word(c.sessions.terminate_on_drain, kOnDrainWords); }},
    {"stop.request_timeout",
     [](Config& c, const std::string& t) {
       return set_duration(c.stop.request_timeout, t, milliseconds(0), kDay);
     },
     [](const Config& c) { return format_duration(c.stop.request_timeout); }},
    {"stop.grace",
     [](Config& c, const std::string& t) {
       return set_duration(c.stop.grace, t, milliseconds(0), kDay);
     },
     [](const Config& c) { return format_duration(c.stop.grace); }},
    {"stop.session_timeout",
     [](Config& c, const std::string& t) {
       return set_duration(c.stop.session_timeout, t, milliseconds(1), kDay);
     },
     [](const Config& c) { return format_duration(c.stop.session_timeout); }},
    {"stop.warning",
     [](Config& c, const std::string& t) {
       return set_duration(c.stop.warning, t, milliseconds(0), kDay);
     },
     [](const Config& c) { return format_duration(c.stop.warning); }},
    {"drain.grace",
     [](Config& c, const std::string& t) {
       return set_duration(c.drain.grace, t, milliseconds(0), 30 * kDay);
     },
     [](const Config& c) { return format_duration(c.drain.grace); }},
    {"drain.request_timeout",
     [](Config& c, const std::string& t) {
       return set_duration(c.drain.request_timeout, t, milliseconds(0), kDay);
     },
     [](const Config& c) { return format_duration(c.drain.request_timeout); }},
    {"drain.queue",
     [](Config& c, const std::string& t) { return set_word(c.drain.queue, t, kQueueChoices); },
     [](const Config& c) { return get_word(c.drain.queue, kQueueChoices); }},
    {"store.interval",
     [](Config& c, const std::string& t) {
       return set_duration(c.store.interval, t, milliseconds(100), kDay);
     },
     [](const Config& c) { return format_duration(c.store.interval); }},
    {"store.scrollback",
     [](Config& c, const std::string& t) {
       return set_size(c.store.scrollback, t, 0, kMaxScrollback);
     },
     [](const Config& c) { return format_size(c.store.scrollback); }},
    {"store.keep",
     [](Config& c, const std::string& t) { return set_count(c.store.keep, t, 0, kMaxCount); },
     [](const Config& c) { return std::to_string(c.store.keep); }},
    {"store.keep_for",
     [](Config& c, const std::string& t) {
       return set_duration(c.store.keep_for, t, milliseconds(0), 3650 * kDay);
     },
     [](const Config& c) { return format_duration(c.store.keep_for); }},
};

}  // namespace

const ConfigTable<Config>& config_table() {
  static constexpr ConfigTable<Config> kTable(kEntries, "PTYD_");
  return kTable;
}

}  // namespace ptyd
