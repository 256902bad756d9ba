// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "common/event_loop.hpp"

namespace ptyd {

// Keeps strangers from filling the log: kBurst lines in kInterval, then silence until the next
// interval, whose first line says how many were left out.
class LogLimit {
 public:
  static constexpr std::chrono::seconds kInterval{10};
  static constexpr std::uint64_t kBurst = 10;

  // What to log of this line; empty for nothing.
  [[nodiscard]] std::string pass(std::string line, Clock::time_point now = Clock::now()) {
    std::string left_out;
    if (now - begun_ >= kInterval) {
      if (lines_ > kBurst)
        left_out = " (and " + std::to_string(lines_ - kBurst) + " such lines before)";
      begun_ = now;
      lines_ = 0;
    }
    return ++lines_ > kBurst ? std::string() : std::move(line) + left_out;
  }

 private:
  Clock::time_point begun_{};
  std::uint64_t lines_ = 0;
};

// A limit for each user, so that none has the say over what is logged of the others.
class LogLimits {
 public:
  // Users remembered; beyond that all begin anew.
  static constexpr std::size_t kMaxUsers = 1024;

  [[nodiscard]] std::string pass(uid_t uid, std::string line) {
    if (limits_.size() >= kMaxUsers && limits_.count(uid) == 0) limits_.clear();
    return limits_[uid].pass(std::move(line));
  }

 private:
  std::map<uid_t, LogLimit> limits_;
};

}  // namespace ptyd
