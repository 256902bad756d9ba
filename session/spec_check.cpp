// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/spec_check.hpp"

#include <algorithm>

#include "common/session_name.hpp"

namespace ptyd {
namespace {

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

bool is_assignment(const std::string& entry) {
  const auto equals = entry.find('=');
  return equals != std::string::npos && equals > 0 && !has_nul(entry);
}

}  // namespace

std::string spec_problem(const SessionSpec& spec, const std::string& id) {
  if (!is_session_id(spec.id) || spec.id != id) return "it is for another session";
  if (auto problem = session_name_problem(spec.name); !problem.empty()) return problem;
  if (spec.command.empty() || spec.command.front().empty()) return "it has no command";
  if (spec.command.size() > kMaxCommandWords || spec.environment.size() > kMaxCommandWords)
    return "its command has too many words";
  if (std::any_of(spec.command.begin(), spec.command.end(), has_nul)) return "a word holds a NUL";
  for (const auto* entries : {&spec.environment, &spec.user_environment})
    if (!std::all_of(entries->begin(), entries->end(), is_assignment))
      return "its environment is not made of NAME=value";
  if (has_nul(spec.cwd) || has_nul(spec.term)) return "a text holds a NUL";
  if (!is_valid(TerminalSize{spec.rows, spec.columns})) return "its terminal size is not valid";
  return {};
}

}  // namespace ptyd
