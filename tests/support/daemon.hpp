// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "common/message.hpp"
#include "tests/support/notify_socket.hpp"
#include "tests/support/process.hpp"
#include "tests/support/protocol_client.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/terminal.hpp"

namespace ptyd::test {

struct DaemonOptions {
  std::string config{};       // the text of its ptyd.yaml
  Arguments arguments{};      // more than the folders, such as "--user"
  Environment environment{};  // changes to it
  std::string bus_address{};  // of both buses; empty: there is no bus
  bool started = true;
  // A process of it may end under strace: the search for leaks does not work there.
  bool traced = false;
};

// A real ptyd in folders of its own, with the freshly built ptyd-session and ptyctl. Nothing of it
// outlives this object: it is stopped, and what it handed over or lost is killed. What the
// sanitizers found in any of its processes makes the test fail.
class Daemon {
 public:
  explicit Daemon(DaemonOptions options = {});
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Starts it, again on the same folders, and waits until it is READY; throws std::runtime_error
  // with its log when it is not. The destructor's promises hold however it ended.
  void start();
  // Starts it and does not wait, for starts that are to fail.
  void begin_start();
  // What runs ptyd from the next start on, such as strace; empty: itself. It is to keep the pid.
  void set_runner(Arguments runner) { runner_ = std::move(runner); }
  // SIGTERM, and how it ended; nothing when it did not within kPatience.
  std::optional<ExitResult> terminate();
  void kill9();
  bool signal(int number) { return process_->signal(number); }
  std::optional<ExitResult> wait_exit(std::chrono::milliseconds timeout = kPatience) {
    return process_->wait_exit(timeout);
  }
  [[nodiscard]] pid_t pid() { return process_->child().pid(); }

  // Its standard error since the last start.
  [[nodiscard]] const Output& log() const { return process_->err(); }
  testing::AssertionResult wait_for_log(const std::string& regex,
                                        std::chrono::milliseconds timeout = kPatience) const {
    return process_->err().wait_for_regex(regex, timeout);
  }
  NotifySocket& notify() { return notify_; }

  // The command line of ptyctl for this daemon, for Process and Terminal.
  [[nodiscard]] Arguments ptyctl_command(const Arguments& arguments) const;
  RunResult ptyctl(const Arguments& arguments, std::string_view input = {}) const;
  // The same by a user that is neither root nor the daemon's. Needs root; the folders are opened
  // for it.
  RunResult ptyctl_as_nobody(const Arguments& arguments) const;
  // What `ptyctl --json=short …` prints; throws std::runtime_error when it fails.
  [[nodiscard]] Json json(const Arguments& arguments) const;
  // ptyctl on a terminal: attach, new.
  [[nodiscard]] std::unique_ptr<Terminal> terminal(const Arguments& arguments,
                                                   TerminalOptions options = {}) const;
  // A client that has exchanged HELLOs.
  [[nodiscard]] ProtocolClient connect() const;

  [[nodiscard]] const TempDir& folder() const { return folder_; }
  [[nodiscard]] std::string socket() const { return folder_ / "run/ptyd.sock"; }
  [[nodiscard]] std::string runtime_dir() const { return folder_ / "run"; }
  [[nodiscard]] std::string state_dir() const { return folder_ / "state"; }
  [[nodiscard]] std::string config_path() const { return folder_ / "ptyd.yaml"; }
  // The session hosts of this daemon that run.
  [[nodiscard]] std::vector<pid_t> hosts() const;

 private:
  [[nodiscard]] Environment environment() const;
  void report_sanitizers() const;

  DaemonOptions options_;
  Arguments runner_;
  TempDir folder_;
  NotifySocket notify_;
  std::unique_ptr<Process> process_;
};

}  // namespace ptyd::test
