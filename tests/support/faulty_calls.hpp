// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "tests/support/daemon.hpp"

namespace ptyd::test {

// System calls of a daemon and of its session hosts go wrong as strace(1) cannot have them go: a
// library that is loaded before all others makes them.
class FaultyCalls {
 public:
  // `call` is "write" (sendmsg too), "epoll_ctl" (additions) or "timerfd_settime". `how` is "short"
  // (half of it is written), "kill" (the process dies before it) or an errno. With a folder: only
  // of files below it.
  FaultyCalls(const Daemon& daemon, std::string call, std::string how, std::string folder = "")
      : armed_(daemon.folder() / "armed"),
        call_(std::move(call)),
        how_(std::move(how)),
        folder_(std::move(folder)) {}

  // For Daemon::set_runner().
  [[nodiscard]] Arguments runner() const {
    // The sanitizer's library does not insist on being the first one.
    return {"sh",
            "-c",
            "ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 LD_PRELOAD=" PTYD_TEST_FAULTY_CALLS
            " FAULTY_ARMED=$0 FAULTY_CALL=$1 FAULTY_HOW=$2 FAULTY_FOLDER=$3; export ASAN_OPTIONS "
            "LD_PRELOAD FAULTY_ARMED FAULTY_CALL FAULTY_HOW FAULTY_FOLDER; shift 3; exec \"$@\"",
            armed_,
            call_,
            how_,
            folder_};
  }
  // The how manieth such call of each process from now on; 0: all of them.
  void arm(int number) const {
    write_file(armed_ + ".new", std::to_string(number));
    std::filesystem::rename(armed_ + ".new", armed_);
  }
  // Whether the one call has gone wrong since.
  [[nodiscard]] bool disarm() const { return !std::filesystem::remove(armed_); }

 private:
  std::string armed_, call_, how_, folder_;
};

}  // namespace ptyd::test
