// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/event_loop.hpp"
#include "common/service/config_file.hpp"
#include "common/text.hpp"

namespace ptyd::web {

// What somebody may do who can show the secret that belongs to it.
struct Grant {
  enum class Kind {
    kTicket,   // for a browser, once: exchanged for kBrowser
    kBrowser,  // in a cookie
    kToken,    // in a header, for programs
  };
  std::string id;  // names it in lists and logs; no secret
  Kind kind = Kind::kTicket;
  bool read_only = false;
  std::string session;  // the one that may be seen, by name or id; empty: all of the user's
  WallTime created_at{};
  WallTime expires_at{};

  [[nodiscard]] bool covers(std::string_view session_id, std::string_view session_name) const {
    return session.empty() || session == session_id || session == session_name;
  }
};
const char* to_string(Grant::Kind kind);

// All grants of one user: a file each in a folder of the user's own, in memory (tmpfs). So they
// outlive the gateway, `ptyctl web` gives them out without asking it, and whoever can read them may
// do all of this anyway. A secret is "ID.RANDOM".
//
// The files are small and in memory: reading one is no wait for the event loop.
class AccessFolder {
 public:
  // Creates the folder, with mode 0700. Throws std::runtime_error; also when it is somebody else's
  // or open to others.
  explicit AccessFolder(std::string path);

  // A new one, with id and creation time filled in, and its secret. Nothing, with `problem` set.
  std::optional<std::pair<Grant, std::string>> issue(Grant grant, std::string& problem);
  // The grant that belongs to a secret, if it has not expired.
  [[nodiscard]] std::optional<Grant> find(std::string_view secret) const;
  // Makes a ticket a browser's grant, and returns its secret. Only the first one gets it.
  std::optional<std::pair<Grant, std::string>> redeem(std::string_view ticket,
                                                      std::chrono::milliseconds lifetime);
  // Those that have not expired, oldest first; removes the others.
  std::vector<Grant> list();
  // False when there is none.
  bool revoke(const std::string& id);
  // Whether it is there still: neither revoked nor expired.
  [[nodiscard]] bool holds(const Grant& grant) const;

  // Calls back when some have gone.
  void watch(EventLoop& loop, std::function<void()> on_removed);
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct File;
  [[nodiscard]] std::string file_of(const std::string& id) const;
  [[nodiscard]] std::optional<File> read(const std::string& id) const;
  bool write(const Grant& grant, const std::string& random, std::string& problem) const;

  std::string path_;
  UniqueFd inotify_;
  std::unique_ptr<IoWatch> watch_;
};

// Where it is: `configured`, $RUNTIME_DIRECTORY (systemd.exec(5)), below $XDG_RUNTIME_DIR, or, if
// it is there, that of the machine's ptyd-web@USER. Nothing, with `problem` set.
std::optional<std::string> access_folder(const std::string& configured,
                                         const Environment& environment, std::string& problem);

}  // namespace ptyd::web
