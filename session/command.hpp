// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/event_loop.hpp"
#include "common/protocol.hpp"
#include "session/spawn.hpp"

namespace ptyd {

// The session's command and everything it leaves behind: all descendants of this process, which
// must be a child subreaper. Starts it, reaps it, ends it. Children that were there before are
// somebody else's, as the process is that systemd makes for PAM, and stay with theirs untouched.
class Command {
 public:
  struct Callbacks {
    std::function<void()> on_started;
    std::function<void(const StartFailure&)> on_start_failed;  // and nothing else afterwards
    std::function<void()> on_exited;     // result() is known; others of the tree may live on
    std::function<void()> on_tree_gone;  // after on_exited, but perhaps at once: nothing is left
  };
  Command(EventLoop& loop, Callbacks callbacks);

  // False, with `failure` set, when not even a process could be made; else a callback tells.
  bool start(const SessionSpec& spec, int terminal, bool supervised, StartFailure& failure);
  // To be called for each SIGCHLD.
  void reap();
  // To every process of the tree; false when there is none.
  bool signal_all(int signal);
  // Ends the tree: SIGTERM (and SIGHUP to who ignores that) after `ask_after`, SIGKILL after
  // `timeout`. When called again, what comes earlier counts, and nobody gets a second SIGTERM: many
  // programs take that as an order to drop everything.
  void end(std::chrono::milliseconds timeout, std::chrono::milliseconds ask_after);

  [[nodiscard]] pid_t pid() const { return spawned_.pid; }
  // Of the command itself, once it has exited.
  [[nodiscard]] const std::optional<ExitResult>& result() const { return result_; }
  [[nodiscard]] bool tree_gone() const { return tree_gone_; }
  // Whether end() had to kill anything with SIGKILL.
  [[nodiscard]] bool forced() const { return forced_; }

 private:
  void on_report();
  bool reap_some();
  [[nodiscard]] bool only_foreign_left() const;
  [[nodiscard]] std::vector<pid_t> tree() const;
  bool signal_one(pid_t pid, int signal) const;
  void on_ask_timer();
  void ask();
  void hang_up(const std::vector<pid_t>& pids);
  void kill_round();

  EventLoop& loop_;
  Callbacks callbacks_;
  std::vector<pid_t> foreign_;  // children that this process began with, until they are reaped
  Spawned spawned_;
  std::unique_ptr<IoWatch> report_watch_;
  std::optional<ExitResult> result_;
  bool tree_gone_ = false;
  bool forced_ = false;
  bool asked_ = false;
  int hang_up_rounds_ = 0;
  int kill_rounds_ = 0;
  Timer ask_timer_;
  Timer kill_timer_;
};

}  // namespace ptyd
