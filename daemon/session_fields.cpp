// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/session_fields.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "common/text.hpp"
#include "daemon/state_files.hpp"

namespace ptyd {

struct SessionField {
  const char* name;
  Json (*value)(const Session&);
};

namespace {

// Of a command line, what a list shows: as JSON it may take six times as much, and a whole session
// must fit one frame.
constexpr std::size_t kMaxShownCommand = 4096;

std::vector<std::string> shortened(const std::vector<std::string>& words) {
  std::vector<std::string> shown;
  std::size_t size = 0;
  for (const auto& word : words) {
    size += word.size() + 1;
    if (size > kMaxShownCommand) {
      shown.emplace_back("…");
      break;
    }
    shown.push_back(word);
  }
  return shown;
}

Json ended_by(const Session& session) {
  auto how = session.ended_by();
  return how.empty() ? Json(nullptr) : Json(std::move(how));
}

Json exit_status(const Session& session) {
  const bool exited = session.result && session.result->kind == EndKind::kExited;
  return exited ? Json(session.result->value) : Json(nullptr);
}

constexpr std::array kFields = {
    SessionField{"id", [](const Session& s) -> Json { return s.id(); }},
    SessionField{"name", [](const Session& s) -> Json { return s.name(); }},
    SessionField{"uid", [](const Session& s) -> Json { return s.uid; }},
    SessionField{"user", [](const Session& s) -> Json { return s.user; }},
    SessionField{
        "state",
        [](const Session& s) -> Json { return s.waits ? "queued" : to_string(s.state()); }},
    SessionField{"command", [](const Session& s) -> Json { return shortened(s.spec.command); }},
    SessionField{"cwd", [](const Session& s) -> Json { return s.spec.cwd; }},
    SessionField{"pid", [](const Session& s) -> Json { return s.command_pid; }},
    SessionField{"hostPid", [](const Session& s) -> Json { return s.host_pid; }},
    SessionField{"terminal", [](const Session& s) -> Json { return s.terminal; }},
    SessionField{"rows", [](const Session& s) -> Json { return s.size.rows; }},
    SessionField{"columns", [](const Session& s) -> Json { return s.size.columns; }},
    SessionField{"clients", [](const Session& s) -> Json { return s.viewers; }},
    SessionField{"createdAt",
                 [](const Session& s) -> Json { return format_utc(from_us(s.spec.created_at)); }},
    SessionField{"startedAt", [](const Session& s) -> Json { return time_or_null(s.started_at); }},
    SessionField{"lastActivity",
                 [](const Session& s) -> Json { return format_utc(s.last_activity()); }},
    SessionField{"endedAt", [](const Session& s) -> Json { return time_or_null(s.ended_at); }},
    SessionField{"endedBy", ended_by},
    SessionField{"exitStatus", exit_status},
    SessionField{"outputBytes", [](const Session& s) -> Json { return s.output_bytes(); }},
    SessionField{"stopInput", [](const Session& s) -> Json { return s.spec.stop_input; }},
    SessionField{"stopTimeoutMs", [](const Session& s) -> Json { return s.spec.stop_timeout_ms; }},
    SessionField{"onDrain", [](const Session& s) -> Json { return on_drain_word(s.spec); }},
    SessionField{"scrollbackBytes", [](const Session& s) -> Json { return s.spec.scrollback; }},
    SessionField{"supervised", [](const Session& s) -> Json { return s.supervised; }},
    SessionField{"unit", [](const Session& s) -> Json { return s.unit; }},
};

}  // namespace

Result<SessionFields> SessionFields::named(const std::vector<std::string>& names) {
  SessionFields fields;
  for (const auto& field : kFields)
    if (names.empty() || std::find(names.begin(), names.end(), field.name) != names.end())
      fields.fields_.push_back(&field);
  for (const auto& name : names)
    if (std::none_of(kFields.begin(), kFields.end(),
                     [&](const SessionField& field) { return name == field.name; }))
      return Error{ErrorCode::kBadRequest, "a session has no field '" + printable(name) + "'"};
  return fields;
}

Json SessionFields::of(const Session& session) const {
  Json::object_t json;
  for (const auto* field : fields_) json.emplace(field->name, field->value(session));
  return json;
}

Json to_public_json(const Session& session) {
  static const auto all = *SessionFields::named({});
  return all.of(session);
}

}  // namespace ptyd
