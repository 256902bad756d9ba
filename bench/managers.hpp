// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/unique_fd.hpp"
#include "tests/support/child.hpp"
#include "tests/support/protocol_client.hpp"
#include "tests/support/temp_dir.hpp"

namespace ptyd::bench {

using test::Arguments;

// What looks at a session: a terminal with the client on it, or a socket. One of the last two, or
// neither, is there.
struct Viewer {
  UniqueFd fd;
  std::unique_ptr<test::Child> client;
  std::unique_ptr<test::ProtocolClient> protocol;  // instead of `fd`
};

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
  // A viewer that has no terminal.
  std::function<Viewer(const std::string& folder, const std::string& session)> connect{};
  std::function<Arguments(const std::string& folder)> list{};
  // Asks sessions to end; without it, their commands are sent SIGTERM.
  std::function<Arguments(const std::string& folder, const Arguments& sessions)> end{};
  bool restores_screen = false;
};

// All that are installed; relay and ptyd always are.
std::vector<Manager> managers();

// A manager at work, in a folder of its own. Whatever it has started is gone with it. Throws
// std::runtime_error when something cannot be started.
class Instance {
 public:
  explicit Instance(const Manager& manager);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  void start(const std::string& session, const Arguments& command);
  // Of a session that start() has started with the same command; on a terminal if it can be had.
  Viewer attach(const std::string& session, const Arguments& command);
  // The same without a terminal.
  Viewer connect(const std::string& session) { return manager_.connect(tag_, session); }
  void list();
  // Waits until they run, as commands of so many sessions.
  [[nodiscard]] std::vector<UniqueFd> commands(std::size_t count) const;
  // Returns when those commands, of all its sessions, have ended, and who asked for it knows.
  void end(const Arguments& sessions, const std::vector<UniqueFd>& commands);
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

// From now on SIGHUP, SIGINT and SIGTERM end this process and all that instances have started. To
// be called before there are any.
void clean_up_on_signals();

// The program of bench/program.hpp as a session's command.
Arguments program(const std::string& kind, std::size_t bytes);

}  // namespace ptyd::bench
