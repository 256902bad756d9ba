// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <spdlog/common.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "common/protocol.hpp"
#include "common/service/config_table.hpp"

namespace ptyd {

// Who starts session hosts. kAuto: systemd when it has started the daemon.
enum class StarterChoice { kAuto, kSystemd, kDirect };

// Which requests for sessions are queued while the daemon drains: those that ask for it, all, none.
enum class QueueChoice { kAsked, kAlways, kNever };

// Every key of config/ptyd.yaml, which says what each means.
struct Config {
  struct {
    spdlog::level::level_enum level = spdlog::level::info;
    log::Target target = log::Target::kAuto;
  } log;
  struct {
    std::uint64_t sessions = 1000;
    std::uint64_t sessions_per_user = 200;
    std::uint64_t queued = 1000;
    std::uint64_t queued_per_user = 100;
    std::uint64_t clients = 1000;
    std::uint64_t clients_per_user = 250;
  } limits;
  struct {
    StarterChoice starter = StarterChoice::kAuto;
    std::string program;  // empty: looked for, see find_session_program()
    std::string term = kDefaultTerm;
    std::uint64_t scrollback = kDefaultScrollback;
    std::chrono::milliseconds stop_timeout{kDefaultStopTimeoutMs};
    std::chrono::milliseconds idle_after{kDefaultIdleAfterMs};
    bool terminate_on_drain = false;
    Restore restore = Restore::kScreen;
  } sessions;
  struct {
    std::chrono::milliseconds request_timeout{3000};
    std::chrono::milliseconds grace{0};
    std::chrono::milliseconds session_timeout{90'000};
    std::chrono::milliseconds warning{3000};
  } stop;
  struct {
    std::chrono::milliseconds grace{300'000};
    std::chrono::milliseconds request_timeout{30'000};
    QueueChoice queue = QueueChoice::kAsked;
  } drain;
  struct {
    std::chrono::milliseconds interval{30'000};
    std::uint64_t scrollback = 256 * 1024;
    std::uint64_t keep = 500;
    std::chrono::milliseconds keep_for = std::chrono::hours(24) * 30;
  } store;
};

// Of config/ptyd.yaml; PTYD_DRAIN_GRACE is drain.grace.
const ConfigTable<Config>& config_table();

}  // namespace ptyd
