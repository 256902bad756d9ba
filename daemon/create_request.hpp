// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/protocol.hpp"
#include "daemon/config.hpp"
#include "daemon/result.hpp"

namespace ptyd {

// What a caller may say about a new session; what is left out is the daemon's to choose.
struct CreateRequest {
  std::string name{};
  std::vector<std::string> command{};
  std::vector<std::string> environment{};  // "NAME=value"
  std::string cwd{};
  std::string term{};
  TerminalSize size{};
  std::string stop_input{};
  std::optional<std::chrono::milliseconds> stop_timeout{};
  std::optional<std::uint64_t> scrollback{};
  std::string on_drain{};  // "wait" or "terminate"
  bool queue = false;      // may wait for the end of a drain
};

// The first thing that is wrong with it.
Status check(const CreateRequest& request);
// As strict with a description that came from elsewhere (a host, a file): it is shown and recorded
// like one that was asked for.
bool is_sound(const SessionSpec& spec);
// A spec without id and name, and without the command if the request has none.
SessionSpec to_spec(const CreateRequest& request, const Config& config);
// A name for a session after what it runs: "bash", "vim".
std::string name_for_command(const std::vector<std::string>& command);

}  // namespace ptyd
