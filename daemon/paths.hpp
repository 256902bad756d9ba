// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace ptyd {

// Which of the two daemons this is: the machine's, or one user's.
enum class Scope { kSystem, kUser };

struct Paths {
  std::string runtime_dir;  // socket and lock
  std::string state_dir;    // session records
  std::string socket;
  std::string config;
  bool config_must_exist = false;  // it was named on the command line
};

// What the command line said; empty is unsaid.
struct PathOptions {
  std::string runtime_dir, state_dir, socket, config;
};

// The command line wins, then what the service manager says ($RUNTIME_DIRECTORY, $STATE_DIRECTORY,
// $CONFIGURATION_DIRECTORY, systemd.exec(5)), then the XDG folders (user) or /run, /var/lib and
// /etc (system). Throws std::runtime_error when there is no way to tell.
Paths find_paths(Scope scope, const PathOptions& options);

// Creates the last folder of the path, and those before it in a user's home, with mode 0700 (0755
// for a runtime folder that others must reach). Throws std::system_error; also when an existing
// folder belongs to another user or is writable by others.
void prepare_folder(const std::string& path, unsigned mode);

}  // namespace ptyd
