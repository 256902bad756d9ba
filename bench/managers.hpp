// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/unique_fd.hpp"
#include "tests/support/child.hpp"
#include "tests/support/temp_dir.hpp"

namespace ptyd::bench {

using test::Arguments;

// How sessions are managed by one of those that are compared. Any part that is empty is one that
// this manager does not have.
struct Manager {
  using Command = std::function<Arguments(const std::string& folder, const std::string& session,
                                          const Arguments& command)>;
  std::string name;
  // Starts what all sessions have in common, and stays in the foreground until SIGTERM.
  std::function<Arguments(const std::string& folder)> daemon{};
  // Starts a session in the background.
  Command start{};
  // What a person runs on a terminal. Without `start`, it is that which runs the command.
  Command attach{};
  // Where a viewer that has no terminal connects, instead.
  std::function<std::string(const std::string& folder, const std::string& session)> socket{};
  std::function<Arguments(const std::string& folder)> list{};
  // Asks sessions to end; without it, their commands are sent SIGTERM.
  std::function<Arguments(const std::string& folder, const Arguments& sessions)> end{};
  bool restores_screen = false;
};

// All that are installed; relay and ptyd always are.
std::vector<Manager> managers();

// What looks at a session: a terminal with the client on it, or a socket.
struct Viewer {
  UniqueFd fd;
  std::unique_ptr<test::Child> client;  // null: there is no client
};

// A manager at work, in a folder of its own. Whatever it has started is gone with it. Throws
// std::runtime_error when something cannot be started.
class Instance {
 public:
  explicit Instance(const Manager& manager);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  void start(const std::string& session, const Arguments& command);
  // Of a session that start() has started with the same command.
  Viewer attach(const std::string& session, const Arguments& command);
  void list();
  // Returns when the commands of all its sessions, and what managed each, have ended.
  void end(const Arguments& sessions);
  // Of the manager: its daemons, session hosts and clients, and not what runs in the sessions.
  [[nodiscard]] std::vector<pid_t> processes() const;

 private:
  [[nodiscard]] test::Environment environment() const;
  void run(const Arguments& arguments) const;

  const Manager& manager_;
  test::TempDir folder_;
  std::string tag_;
  std::unique_ptr<test::Child> daemon_;
};

// The program of bench/program.hpp as a session's command.
Arguments program(const std::string& kind, std::size_t bytes);

}  // namespace ptyd::bench
