// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/message.hpp"
#include "daemon/session.hpp"

namespace ptyd {

enum class QueueState { kPending, kProcessing, kCompleted, kFailed };
const char* to_string(QueueState state);
std::optional<QueueState> parse_queue_state(std::string_view text);
// Not over: pending or processing.
bool is_waiting(QueueState state);

// One request for a session that waits for the end of a drain, and what became of it.
struct QueueEntry {
  // The session as it will be: its id is fixed from the beginning, and is the entry's, too.
  SessionPtr session;
  std::uint64_t sequence = 0;  // entries are started in this order
  WallTime queued_at{};
  std::optional<WallTime> ended_at;  // once completed or failed
  QueueState state = QueueState::kPending;
  std::string reason;  // why it has failed

  [[nodiscard]] const std::string& id() const { return session->id(); }
  [[nodiscard]] uid_t uid() const { return session->uid; }
  [[nodiscard]] bool waiting() const { return is_waiting(state); }
};

// The queue object of docs/protocol.md.
Json to_public_json(const QueueEntry& entry);
// What is on disk: the same and what is needed to start it (its environment, for one).
Json to_record(const QueueEntry& entry);
// Nothing, with `problem` set, for a record that this version cannot have written. The session that
// it describes is as strictly checked as one that is asked for, and has never been started.
std::optional<QueueEntry> queue_entry_from_record(const Json& record, std::string& problem);

}  // namespace ptyd
