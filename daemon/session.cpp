// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/session.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "common/session_name.hpp"
#include "daemon/record_reader.hpp"
#include "daemon/session_fields.hpp"
#include "daemon/state_files.hpp"

namespace ptyd {
namespace {

constexpr std::array<std::pair<SessionState, const char*>, 6> kStates{{
    {SessionState::kStarting, "starting"},
    {SessionState::kActive, "active"},
    {SessionState::kIdle, "idle"},
    {SessionState::kStopping, "stopping"},
    {SessionState::kStopped, "stopped"},
    {SessionState::kError, "error"},
}};

void read_ending(const Json& record, RecordReader& in, Session& session) {
  const auto ended_by = record.find("endedBy");
  if (ended_by == record.end() || !ended_by->is_string()) return;
  const auto how = ended_by->get<std::string>();
  if (how == "exited") {
    session.result = ExitResult{EndKind::kExited, in.get<std::int32_t>("exitStatus")};
  } else if (const auto signal = parse_signal(how)) {
    session.result = ExitResult{EndKind::kSignaled, *signal};
  } else {
    session.lost_cause = how;
  }
}

// As this version would have written it. What an older one could not say is what it did.
Json migrated(Json record, std::string& problem) {
  const auto version = RecordReader(record, problem).get<int>("formatVersion");
  if (problem.empty() && (version < 1 || version > kStateVersion))
    problem = "format version " + std::to_string(version) + " is not known";
  if (version < 2) {
    record.emplace("unit", "");
    record.emplace("supervised", false);
    record.emplace("onDrain", "wait");
  }
  if (version < 3) record.emplace("userEnvironment", Json::array());
  return record;
}

}  // namespace

const char* to_string(SessionState state) {
  for (const auto& [value, word] : kStates)
    if (value == state) return word;
  return "error";
}

std::optional<SessionState> parse_session_state(std::string_view text) {
  for (const auto& [value, word] : kStates)
    if (text == word) return value;
  return std::nullopt;
}

bool is_living(SessionState state) {
  return state != SessionState::kStopped && state != SessionState::kError;
}

bool may_follow(SessionState from, SessionState to) {
  using S = SessionState;
  switch (from) {
    case S::kStarting: return to == S::kActive || to == S::kStopping || to == S::kError;
    case S::kActive:
      return to == S::kIdle || to == S::kStopping || to == S::kStopped || to == S::kError;
    case S::kIdle:
      return to == S::kActive || to == S::kStopping || to == S::kStopped || to == S::kError;
    case S::kStopping: return to == S::kStopped || to == S::kError;
    case S::kStopped: return false;
    case S::kError: return to == S::kActive || to == S::kIdle || to == S::kStopped;
  }
  return false;
}

std::optional<bool> terminates_on_drain(std::string_view word) {
  for (const auto& [name, terminates] : kOnDrainWords)
    if (word == name) return terminates;
  return std::nullopt;
}

const char* on_drain_word(const SessionSpec& spec) {
  return kOnDrainWords.at(spec.terminate_on_drain != 0 ? 1 : 0).first;
}

bool Session::try_set_state(SessionState next) {
  if (next == state_ || !may_follow(state_, next)) return false;
  state_ = next;
  return true;
}

WallTime Session::last_activity() const {
  if (living() && scrollback)
    if (const auto us = scrollback->last_activity_us(); us != 0) return from_us(us);
  return final_activity;
}

std::uint64_t Session::output_bytes() const {
  if (!living() || !scrollback) return final_output;
  // A host may claim anything; JSON readers know signed numbers.
  return std::min<std::uint64_t>(scrollback->head(), std::numeric_limits<std::int64_t>::max());
}

std::string Session::ended_by() const {
  if (result) return result->kind == EndKind::kExited ? "exited" : signal_name(result->value);
  return state_ == SessionState::kError ? lost_cause : std::string();
}

Json to_record(const Session& session) {
  auto record = to_public_json(session);
  record["state"] = to_string(session.state());
  record["command"] = session.spec.command;
  record["formatVersion"] = kStateVersion;
  record["bootId"] = session.boot_id;
  record["environment"] = session.spec.environment;
  record["userEnvironment"] = session.spec.user_environment;
  record["term"] = session.spec.term;
  record["loginShell"] = session.spec.login_shell != 0;
  record["idleAfterMs"] = session.spec.idle_after_ms;
  record["forced"] = session.forced;
  return record;
}

SessionPtr from_record(const Json& as_written, std::string& problem) {
  problem.clear();
  if (!as_written.is_object()) {
    problem = "not a JSON object";
    return nullptr;
  }
  const auto record = migrated(as_written, problem);
  RecordReader in(record, problem);
  auto session = std::make_shared<Session>();
  auto& spec = session->spec;
  spec.id = in.get<std::string>("id");
  spec.name = in.get<std::string>("name");
  spec.command = in.get<std::vector<std::string>>("command");
  spec.environment = in.get<std::vector<std::string>>("environment");
  spec.user_environment = in.get<std::vector<std::string>>("userEnvironment");
  spec.cwd = in.get<std::string>("cwd");
  spec.term = in.get<std::string>("term");
  spec.rows = in.get<std::uint16_t>("rows");
  spec.columns = in.get<std::uint16_t>("columns");
  spec.login_shell = in.get<bool>("loginShell") ? 1 : 0;
  spec.scrollback = in.get<std::uint64_t>("scrollbackBytes");
  spec.stop_input = in.get<std::string>("stopInput");
  spec.stop_timeout_ms = in.get<std::uint32_t>("stopTimeoutMs");
  spec.idle_after_ms = in.get<std::uint32_t>("idleAfterMs");
  if (const auto created = in.time("createdAt")) spec.created_at = to_us(*created);
  session->uid = in.get<uid_t>("uid");
  session->user = in.get<std::string>("user");
  session->command_pid = in.get<pid_t>("pid");
  session->host_pid = in.get<pid_t>("hostPid");
  session->terminal = in.get<std::string>("terminal");
  session->size = {spec.rows, spec.columns};
  session->started_at = in.time("startedAt");
  session->ended_at = in.time("endedAt");
  session->forced = in.get<bool>("forced");
  session->unit = in.get<std::string>("unit");
  session->supervised = in.get<bool>("supervised");
  session->boot_id = in.get<std::string>("bootId");
  session->final_output = in.get<std::uint64_t>("outputBytes");
  session->final_activity = in.time("lastActivity").value_or(WallTime{});
  const auto terminates = terminates_on_drain(in.get<std::string>("onDrain"));
  spec.terminate_on_drain = terminates.value_or(false) ? 1 : 0;
  const auto state = parse_session_state(in.get<std::string>("state"));
  read_ending(record, in, *session);
  if (problem.empty() &&
      (!is_session_id(spec.id) || !session_name_problem(spec.name).empty() ||
       spec.command.empty() || !is_valid(session->size) || !state || !terminates))
    problem = "id, name, command, size, onDrain or state is not valid";
  if (!problem.empty()) return nullptr;
  session->restore_state(*state);
  return session;
}

}  // namespace ptyd
