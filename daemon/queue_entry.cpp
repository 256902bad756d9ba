// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/queue_entry.hpp"

#include <array>
#include <utility>

#include "daemon/create_request.hpp"
#include "daemon/record_reader.hpp"
#include "daemon/session_fields.hpp"
#include "daemon/state_files.hpp"

namespace ptyd {
namespace {

// A text of the daemon's own or of the kernel; more is not from here.
constexpr std::size_t kMaxReason = 4096;
// Counts on from the last one for ever, in whole numbers that every JSON reader knows.
constexpr std::uint64_t kMaxSequence = std::uint64_t{1} << 53;

constexpr std::array<std::pair<QueueState, const char*>, 4> kStates{{
    {QueueState::kPending, "pending"},
    {QueueState::kProcessing, "processing"},
    {QueueState::kCompleted, "completed"},
    {QueueState::kFailed, "failed"},
}};

// Only what was asked for: of a session that has never been started the rest says nothing.
SessionPtr as_asked_for(const Session& read) {
  auto session = std::make_shared<Session>();
  session->spec = read.spec;
  session->uid = read.uid;
  session->user = read.user;
  session->size = {read.spec.rows, read.spec.columns};
  session->waits = true;
  return session;
}

}  // namespace

const char* to_string(QueueState state) {
  for (const auto& [value, word] : kStates)
    if (value == state) return word;
  return "failed";
}

std::optional<QueueState> parse_queue_state(std::string_view text) {
  for (const auto& [value, word] : kStates)
    if (text == word) return value;
  return std::nullopt;
}

bool is_waiting(QueueState state) {
  return state == QueueState::kPending || state == QueueState::kProcessing;
}

Json to_public_json(const QueueEntry& entry) {
  const auto session = to_public_json(*entry.session);
  return {
      {"id", entry.id()},
      {"name", entry.session->name()},
      {"uid", entry.uid()},
      {"user", entry.session->user},
      {"state", to_string(entry.state)},
      {"reason", entry.reason},
      {"sequence", entry.sequence},
      {"queuedAt", format_utc(entry.queued_at)},
      {"endedAt", time_or_null(entry.ended_at)},
      {"command", session["command"]},
      {"cwd", session["cwd"]},
  };
}

Json to_record(const QueueEntry& entry) {
  return {
      {"formatVersion", kStateVersion},
      {"id", entry.id()},
      {"state", to_string(entry.state)},
      {"reason", entry.reason},
      {"sequence", entry.sequence},
      {"queuedAt", format_utc(entry.queued_at)},
      {"endedAt", time_or_null(entry.ended_at)},
      {"session", to_record(*entry.session)},
  };
}

std::optional<QueueEntry> queue_entry_from_record(const Json& record, std::string& problem) {
  problem.clear();
  if (!record.is_object()) {
    problem = "not a JSON object";
    return std::nullopt;
  }
  RecordReader in(record, problem);
  if (const auto version = in.get<int>("formatVersion");
      problem.empty() && (version < 1 || version > kStateVersion))
    problem = "format version " + std::to_string(version) + " is not known";
  QueueEntry entry;
  const auto id = in.get<std::string>("id");
  const auto state = parse_queue_state(in.get<std::string>("state"));
  entry.reason = in.get<std::string>("reason");
  entry.sequence = in.get<std::uint64_t>("sequence");
  const auto queued_at = in.time("queuedAt");
  entry.ended_at = in.time("endedAt");
  if (problem.empty() &&
      (!state || !queued_at || entry.sequence >= kMaxSequence || entry.reason.size() > kMaxReason ||
       entry.ended_at.has_value() == is_waiting(*state)))
    problem = "state, reason, sequence or times are not valid";
  if (!problem.empty()) return std::nullopt;
  const auto session = record.find("session");
  const auto read = from_record(session == record.end() ? Json() : *session, problem);
  if (!read) return std::nullopt;
  if (read->id() != id || read->state() != SessionState::kStarting || !is_sound(read->spec)) {
    problem = "it describes no session that could be asked for";
    return std::nullopt;
  }
  entry.session = as_asked_for(*read);
  entry.state = *state;
  entry.queued_at = *queued_at;
  return entry;
}

}  // namespace ptyd
