// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/session_view.hpp"

#include "ctl/exit_status.hpp"

namespace ptyd {
namespace {

std::vector<std::string> texts_of(const Json& object, const char* key) {
  std::vector<std::string> texts;
  const auto list = object.find(key);
  if (list == object.end() || !list->is_array()) return texts;
  for (const auto& text : *list)
    if (text.is_string()) texts.push_back(text.get<std::string>());
  return texts;
}

}  // namespace

SessionView::SessionView(const Json& json)
    : id(text_of(json, "id")),
      name(text_of(json, "name")),
      user(text_of(json, "user")),
      state(text_of(json, "state")),
      cwd(text_of(json, "cwd")),
      terminal(text_of(json, "terminal")),
      ended_by(text_of(json, "endedBy")),
      stop_input(text_of(json, "stopInput")),
      unit(text_of(json, "unit")),
      on_drain(text_of(json, "onDrain")),
      uid(number_of(json, "uid")),
      command(texts_of(json, "command")),
      pid(number_of(json, "pid")),
      host_pid(number_of(json, "hostPid")),
      clients(number_of(json, "clients")),
      rows(number_of(json, "rows")),
      columns(number_of(json, "columns")),
      output_bytes(number_of(json, "outputBytes")),
      scrollback_bytes(number_of(json, "scrollbackBytes")),
      stop_timeout_ms(number_of(json, "stopTimeoutMs")),
      exit_status(number_of(json, "exitStatus")),
      supervised(flag_of(json, "supervised")),
      created_at(time_of(json, "createdAt")),
      started_at(time_of(json, "startedAt")),
      last_activity(time_of(json, "lastActivity")),
      ended_at(time_of(json, "endedAt")) {}

std::optional<WallTime> SessionView::since() const {
  if (has_ended() && ended_at) return ended_at;
  return started_at ? started_at : created_at;
}

std::string SessionView::how_it_ended() const {
  if (!has_ended()) return {};
  if (ended_by == "exited") return "exited with status " + std::to_string(exit_status);
  if (ended_by == "lost") return "lost: its session host is gone";
  if (ended_by == "reboot") return "lost: the machine was restarted";
  if (ended_by.empty()) return "ended, nobody knows how";
  return "killed by " + ended_by;
}

std::optional<int> SessionView::shell_status() const {
  if (ended_by == "exited") return static_cast<int>(exit_status & 0xff);
  if (const auto signal = parse_signal(ended_by)) return kSignalBase + *signal;
  return std::nullopt;
}

Style SessionView::style() const {
  if (state == "active") return Style::kGood;
  if (state == "stopped") return Style::kDim;
  return state == "error" ? Style::kBad : Style::kPlain;
}

}  // namespace ptyd
