// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <vector>

#include "common/event_loop.hpp"
#include "daemon/host_link.hpp"
#include "daemon/session_manager.hpp"

namespace ptyd {

// What the manager holds of a session's host, from its start until it has ended: known by its
// control connection and pidfd alone, in whichever way and by whichever daemon it was started.
struct SessionManager::Host {
  // Verbs that wait for a host to come back; beyond it they are refused.
  static constexpr std::size_t kMaxWaitingTasks = 256;
  // Its last words may still be in the socket when its process has ended.
  static constexpr std::chrono::seconds kLastWords{1};

  // After RELEASE; its viewers have 5 s to take the end.
  static constexpr std::chrono::seconds kReleaseTime{10};

  Host(EventLoop& loop, std::function<void()> on_start_overdue, std::function<void()> on_gone,
       std::function<void()> on_terminate_overdue, std::function<void()> on_no_link)
      : start_overdue(loop, std::move(on_start_overdue)),
        gone(loop, std::move(on_gone)),
        terminate_overdue(loop, std::move(on_terminate_overdue)),
        no_link(loop, std::move(on_no_link)) {}

  std::unique_ptr<HostLink> link;
  UniqueFd pidfd;
  std::unique_ptr<IoWatch> exit_watch;
  bool exited = false;  // the process, by its pidfd
  bool ready = false;   // its command runs or has run
  bool killed = false;  // by us
  bool restarting = false;
  // Of a session from the queue. That there is a record of one says that its command may have been
  // run: so there is none before the host has registered, and no SPEC before that is on disk.
  bool from_queue = false;
  bool registered = false;
  bool spec_owed = false;
  Completion<SessionPtr> created;  // who waits for the start
  std::vector<LinkTask> tasks;     // for when the link is there and ready
  std::uint64_t recorded_output = 0;
  Timer start_overdue;
  Timer gone;
  Timer terminate_overdue;
  Timer no_link;
};

}  // namespace ptyd
