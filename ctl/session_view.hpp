// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/message.hpp"
#include "common/text.hpp"
#include "ctl/output.hpp"

namespace ptyd {

// What ptyctl shows of a session object. Texts are as sent: printable() them before showing.
struct SessionView {
  explicit SessionView(const Json& json);

  std::string id, name, user, state, cwd, terminal, ended_by, stop_input, unit, on_drain;
  std::int64_t uid = 0;
  std::vector<std::string> command;
  std::int64_t pid = 0, host_pid = 0, clients = 0, rows = 0, columns = 0;
  std::int64_t output_bytes = 0, scrollback_bytes = 0, stop_timeout_ms = 0, exit_status = 0;
  bool supervised = false;
  std::optional<WallTime> created_at, started_at, last_activity, ended_at;

  [[nodiscard]] bool has_ended() const { return state == "stopped" || state == "error"; }
  // When it came into its present state, as far as is known.
  [[nodiscard]] std::optional<WallTime> since() const;
  // "exited with status 3", "killed by SIGKILL", "lost"; empty while it lives.
  [[nodiscard]] std::string how_it_ended() const;
  // The command's status as a shell gives it; nothing when it is not known.
  [[nodiscard]] std::optional<int> shell_status() const;
  [[nodiscard]] Style style() const;
};

}  // namespace ptyd
