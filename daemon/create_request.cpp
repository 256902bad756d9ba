// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/create_request.hpp"

#include <climits>

#include "common/scrollback/layout.hpp"
#include "common/session_name.hpp"
#include "common/text.hpp"
#include "daemon/session.hpp"

namespace ptyd {
namespace {

constexpr std::chrono::milliseconds kMaxStopTimeout{kMaxStopTimeoutMs};

Error bad(std::string message) { return {ErrorCode::kBadRequest, std::move(message)}; }

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

Status check_words(const CreateRequest& request) {
  const auto& command = request.command;
  const auto& environment = request.environment;
  if (!command.empty() && command.front().empty()) return bad("the command must not be empty");
  if (std::any_of(command.begin(), command.end(), has_nul) ||
      std::any_of(environment.begin(), environment.end(), has_nul))
    return bad("command and environment must not have NUL bytes");
  for (const auto& entry : environment)
    if (const auto equals = entry.find('='); equals == 0 || equals == std::string::npos)
      return bad("environment must be NAME=value, not '" + printable(entry.substr(0, equals)) +
                 "'");
  if (!is_command_small_enough(command, environment, request.cwd))
    return bad("command and environment are too large: at most " +
               std::to_string(kMaxCommandWords) + " words and " + format_size(kMaxCommandBytes));
  return ok();
}

}  // namespace

Status check(const CreateRequest& request) {
  if (!request.name.empty())
    if (auto problem = session_name_problem(request.name); !problem.empty()) return bad(problem);
  if (auto words = check_words(request); !words) return words;
  if (request.cwd.size() >= PATH_MAX) return bad("the path of the working folder is too long");
  if (!request.cwd.empty() && (request.cwd.front() != '/' || has_nul(request.cwd)))
    return bad("the working folder must be an absolute path, not '" + printable(request.cwd) + "'");
  if (request.term.size() > kMaxTerm || printable(request.term) != request.term ||
      request.term.find('/') != std::string::npos || has_nul(request.term))
    return bad("'" + printable(request.term) + "' is no terminal type");
  if (!is_valid(request.size))
    return bad("a terminal has 1 to " + std::to_string(kMaxTerminalSide) + " rows and columns");
  if (request.stop_input.size() > kMaxStopInput)
    return bad("the stop input may have at most " + std::to_string(kMaxStopInput) + " bytes");
  if (request.stop_timeout &&
      (request.stop_timeout->count() <= 0 || *request.stop_timeout > kMaxStopTimeout))
    return bad("the stop timeout must be from 1ms to " + format_duration(kMaxStopTimeout));
  if (!request.on_drain.empty() && !terminates_on_drain(request.on_drain))
    return bad("onDrain must be wait or terminate, not '" + printable(request.on_drain) + "'");
  if (request.scrollback &&
      (*request.scrollback < kMinScrollback || *request.scrollback > kMaxScrollback))
    return bad("the scrollback must be from " + format_size(kMinScrollback) + " to " +
               format_size(kMaxScrollback));
  return ok();
}

bool is_sound(const SessionSpec& spec) {
  CreateRequest request;
  request.name = spec.name;
  request.command = spec.command;
  request.environment = spec.environment;
  request.cwd = spec.cwd;
  request.term = spec.term;
  request.size = {spec.rows, spec.columns};
  request.stop_input = spec.stop_input;
  request.stop_timeout = std::chrono::milliseconds(spec.stop_timeout_ms);
  request.scrollback = spec.scrollback;
  return !spec.name.empty() && !spec.command.empty() && check(request);
}

SessionSpec to_spec(const CreateRequest& request, const Config& config) {
  SessionSpec spec;
  spec.command = request.command;
  spec.environment = request.environment;
  spec.cwd = request.cwd;
  spec.term = request.term.empty() ? config.sessions.term : request.term;
  spec.rows = request.size.rows;
  spec.columns = request.size.columns;
  spec.scrollback = request.scrollback.value_or(config.sessions.scrollback);
  spec.stop_input = request.stop_input;
  spec.stop_timeout_ms = static_cast<std::uint32_t>(
      request.stop_timeout.value_or(config.sessions.stop_timeout).count());
  spec.terminate_on_drain =
      terminates_on_drain(request.on_drain).value_or(config.sessions.terminate_on_drain) ? 1 : 0;
  spec.idle_after_ms = static_cast<std::uint32_t>(config.sessions.idle_after.count());
  spec.created_at = to_us(std::chrono::system_clock::now());
  return spec;
}

std::string name_for_command(const std::vector<std::string>& command) {
  auto name = command.front().substr(command.front().rfind('/') + 1);
  name.resize(std::min<std::size_t>(name.size(), kMaxSessionName / 2));
  return session_name_problem(name).empty() ? name : "session";
}

}  // namespace ptyd
