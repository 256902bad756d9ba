// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/message.hpp"
#include "common/protocol.hpp"

namespace ptyd {

// "24x80": rows, then columns. Nothing for anything else and for sizes that is_valid() refuses.
std::optional<TerminalSize> parse_terminal_size(std::string_view text);

// What `ptyctl new` or `ptyctl run` was given, each already checked by its *_problem function.
struct CreateOptions {
  std::string name;
  std::string size;
  std::string cwd;
  std::vector<std::string> environment;  // "NAME=value", or "NAME" for the caller's own
  std::string stop_input;
  std::string stop_timeout;
  std::string scrollback;
  std::string on_drain;
  bool queue = false;
  std::vector<std::string> command;  // empty: the login shell
};

// What is wrong with an option's text, or empty.
std::string size_problem(const std::string& text);
std::string environment_problem(const std::string& text);
std::string stop_input_problem(const std::string& text);
std::string stop_timeout_problem(const std::string& text);
std::string scrollback_problem(const std::string& text);
// What cannot be sent: JSON has no place for bytes that are no UTF-8.
std::string command_problem(const CreateOptions& options);

// The parameters of `create`. The session gets the caller's folder, TERM, COLORTERM and locale;
// `fallback_size`, if any, is that of the terminal it will be attached to.
Json create_params(const CreateOptions& options, std::optional<TerminalSize> fallback_size);

// The session that `ptyctl run` hosts itself, with a new id. It inherits the environment, so this
// holds only what was set over it.
SessionSpec run_spec(const CreateOptions& options);
// What a daemon would not accept of it, or empty.
std::string run_spec_problem(const SessionSpec& spec);

}  // namespace ptyd
