// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/create_options.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <map>
#include <system_error>

#include "common/environment.hpp"
#include "common/scrollback/layout.hpp"
#include "common/session_name.hpp"
#include "common/text.hpp"
#include "common/user_database.hpp"

namespace ptyd {
namespace {

bool is_variable_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && (name[0] < '0' || name[0] > '9') &&
         std::all_of(name.begin(), name.end(), fits);
}

std::optional<std::uint16_t> take_side(std::string_view& text) {
  std::uint16_t side = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), side);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return side;
}

// The caller's locale and terminal abilities, which the daemon cannot know.
Json own_environment() {
  Json environment = Json::object();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto name = text.substr(0, text.find('='));
    const bool wanted = name == "LANG" || name == "COLORTERM" || name.starts_with("LC_");
    if (!wanted || name.size() == text.size() || !is_valid_utf8(text)) continue;
    environment[std::string(name)] = std::string(text.substr(name.size() + 1));
  }
  return environment;
}

std::string with_line_end(std::string text) {
  if (text.empty() || text.back() != '\n') text += '\n';
  return text;
}

// What the daemon takes for the type of a terminal.
bool is_terminal_type(const std::string& term) {
  return !term.empty() && term.size() <= kMaxTerm && is_valid_utf8(term) &&
         printable(term) == term && term.find('/') == std::string::npos;
}

// The variables that were given, each with its value; of several of a name the last.
std::map<std::string, std::string> given_variables(const CreateOptions& options) {
  std::map<std::string, std::string> variables;
  for (const auto& text : options.environment) {
    const auto name = text.substr(0, text.find('='));
    if (name.size() < text.size())
      variables[name] = text.substr(name.size() + 1);
    else if (const auto value = environment_variable(name))
      variables[name] = *value;
  }
  return variables;
}

// With its line end; empty for none.
std::string given_stop_input(const CreateOptions& options) {
  std::string problem;
  const auto input = unescaped(options.stop_input, problem);
  return input && !input->empty() ? with_line_end(*input) : std::string();
}

// Empty when the folder has been removed: the daemon then takes the home folder.
std::string absolute_folder(const std::string& folder) {
  std::error_code error;
  const auto here = std::filesystem::current_path(error);
  if (error) return folder;
  return folder.empty() ? here.string() : (here / folder).lexically_normal().string();
}

}  // namespace

std::optional<TerminalSize> parse_terminal_size(std::string_view text) {
  const auto rows = take_side(text);
  if (!rows || text.empty() || text.front() != 'x') return std::nullopt;
  text.remove_prefix(1);
  const auto columns = take_side(text);
  if (!columns || !text.empty()) return std::nullopt;
  const TerminalSize size{*rows, *columns};
  if (!is_valid(size)) return std::nullopt;
  return size;
}

std::string size_problem(const std::string& text) {
  if (parse_terminal_size(text)) return {};
  return "'" + printable(text) + "' is no size, give ROWSxCOLUMNS, each from 1 to " +
         std::to_string(kMaxTerminalSide) + ", such as 24x80";
}

std::string environment_problem(const std::string& text) {
  const auto name = text.substr(0, text.find('='));
  if (!is_variable_name(name))
    return "'" + printable(text) + "' is neither NAME=VALUE nor the NAME of a variable";
  if (!is_valid_utf8(text)) return "the value of " + name + " is not valid UTF-8";
  if (name.size() < text.size()) return {};
  const auto value = environment_variable(name);
  if (!value) return name + " is not set here, give " + name + "=VALUE";
  return is_valid_utf8(*value) ? std::string() : "the value of " + name + " is not valid UTF-8";
}

std::string stop_input_problem(const std::string& text) {
  std::string problem;
  const auto input = unescaped(text, problem);
  if (!input) return problem;
  return is_valid_utf8(*input) ? std::string() : "the text is not valid UTF-8";
}

std::string stop_timeout_problem(const std::string& text) {
  const auto timeout = parse_duration(text);
  if (timeout && timeout->count() > 0 && timeout->count() <= kMaxStopTimeoutMs) return {};
  return "'" + printable(text) + "' is no time of at most 1d, give one such as 5s or 2min";
}

std::string scrollback_problem(const std::string& text) {
  const auto size = parse_size(text);
  if (size && *size >= kMinScrollback && *size <= kMaxScrollback) return {};
  return "'" + printable(text) + "' is no size from " + format_size(kMinScrollback) + " to " +
         format_size(kMaxScrollback) + ", give one such as 1MiB";
}

std::string command_problem(const CreateOptions& options) {
  std::size_t bytes = 0;
  for (const auto& word : options.command) {
    if (!is_valid_utf8(word)) return "'" + printable(word) + "' is not valid UTF-8";
    bytes += word.size();
  }
  if (options.command.size() > kMaxCommandWords || bytes > kMaxCommandBytes)
    return "the command is too long, at most " + std::to_string(kMaxCommandWords) + " words and " +
           format_size(kMaxCommandBytes) + " are allowed";
  const auto cwd = absolute_folder(options.cwd);
  return is_valid_utf8(cwd) ? std::string() : "'" + printable(cwd) + "' is not valid UTF-8";
}

Json create_params(const CreateOptions& options, std::optional<TerminalSize> fallback_size) {
  Json params = Json::object();
  if (!options.name.empty()) params["name"] = options.name;
  if (!options.command.empty()) params["command"] = options.command;
  if (const auto cwd = absolute_folder(options.cwd); !cwd.empty()) params["cwd"] = cwd;
  auto environment = own_environment();
  for (const auto& [name, value] : given_variables(options)) environment[name] = value;
  if (!environment.empty()) params["environment"] = std::move(environment);
  if (const auto term = environment_variable("TERM");
      term && !term->empty() && is_valid_utf8(*term))
    params["term"] = *term;
  if (const auto size = options.size.empty() ? fallback_size : parse_terminal_size(options.size)) {
    params["rows"] = size->rows;
    params["columns"] = size->columns;
  }
  if (const auto input = given_stop_input(options); !input.empty()) params["stopInput"] = input;
  if (const auto timeout = parse_duration(options.stop_timeout))
    params["stopTimeoutMs"] = timeout->count();
  if (const auto size = parse_size(options.scrollback)) params["scrollbackBytes"] = *size;
  if (!options.on_drain.empty()) params["onDrain"] = options.on_drain;
  if (options.queue) params["queue"] = true;
  return params;
}

SessionSpec run_spec(const CreateOptions& options) {
  SessionSpec spec;
  spec.id = new_session_id();
  spec.name = options.name;
  spec.command = options.command;
  for (const auto& [name, value] : given_variables(options))
    spec.environment.emplace_back(name).append("=").append(value);
  spec.user_environment = look_up_user(::getuid()).environment;
  spec.cwd = absolute_folder(options.cwd);
  const auto term = environment_variable("TERM").value_or("");
  spec.term = is_terminal_type(term) ? term : kDefaultTerm;
  const auto size = parse_terminal_size(options.size).value_or(TerminalSize());
  spec.rows = size.rows;
  spec.columns = size.columns;
  spec.scrollback = parse_size(options.scrollback).value_or(kDefaultScrollback);
  spec.stop_input = given_stop_input(options);
  const auto timeout = parse_duration(options.stop_timeout);
  spec.stop_timeout_ms =
      timeout ? static_cast<std::uint32_t>(timeout->count()) : kDefaultStopTimeoutMs;
  spec.idle_after_ms = kDefaultIdleAfterMs;
  spec.created_at = to_us(std::chrono::system_clock::now());
  return spec;
}

std::string run_spec_problem(const SessionSpec& spec) {
  if (!is_command_small_enough(spec.command, spec.environment, spec.cwd))
    return "command and environment are too long, at most " + std::to_string(kMaxCommandWords) +
           " words and " + format_size(kMaxCommandBytes) + " are allowed";
  if (spec.command.front().empty()) return "the command must not be empty";
  if (spec.stop_input.size() > kMaxStopInput)
    return "the stop input is too long, at most " + format_size(kMaxStopInput) + " are allowed";
  return {};
}

}  // namespace ptyd
