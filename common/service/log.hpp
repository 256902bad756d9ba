// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <spdlog/common.h>

#include <initializer_list>
#include <string>
#include <string_view>

namespace ptyd::log {

enum class Target { kAuto, kJournal, kStderr };

// A journal field beside the message, and nothing on stderr. Never give it a secret.
struct Field {
  const char* name;  // "PTYD_SESSION_ID"
  std::string value;
};

// Kinds of event that a monitoring rule may want to find whatever the wording: the journal's
// MESSAGE_ID of each is stable for ever.
enum class Event {
  kNone,
  kDaemonReady,
  kStopBegun,
  kStopComplete,
  kSessionStarted,
  kSessionEnded,
  kSessionKilled,
  kSessionLost,
  kSessionAdopted,
  kDrainBegun,
  kDrainEnded,
  kDrainExtended,
  kDrainAbandoned,
  kStoreFailed,
  kStoreRecovered,
  kConfigRejected,
  kProtocolViolation,
  kQueued,
  kQueueStarting,
  kQueueCompleted,
  kQueueFailed,
  kMachineShutdown,
};

// Starts the log. Lines go through a bounded queue to a thread of their own, because a journal or a
// terminal that blocks must not block the event loop; when the queue is full the oldest are lost.
// kAuto: the journal when stderr is connected to it ($JOURNAL_STREAM, systemd.exec(5)), else
// stderr. `program` is what the journal calls it (SYSLOG_IDENTIFIER).
void start(const std::string& program, Target target, spdlog::level::level_enum level);
void set_level(spdlog::level::level_enum level);
// Writes out what is queued and stops the thread; later lines are dropped. Where the lines cannot
// be got rid of (a paused terminal, a full pipe) the process ends here, with `exit_status`.
void finish(int exit_status);

// Control characters in `text` are escaped: strangers choose names and commands.
void write(spdlog::level::level_enum level, std::string_view text, Event event,
           std::initializer_list<Field> fields);

inline void debug(std::string_view text, std::initializer_list<Field> fields = {}) {
  write(spdlog::level::debug, text, Event::kNone, fields);
}
inline void info(std::string_view text, std::initializer_list<Field> fields = {},
                 Event event = Event::kNone) {
  write(spdlog::level::info, text, event, fields);
}
inline void warn(std::string_view text, std::initializer_list<Field> fields = {},
                 Event event = Event::kNone) {
  write(spdlog::level::warn, text, event, fields);
}
inline void error(std::string_view text, std::initializer_list<Field> fields = {},
                  Event event = Event::kNone) {
  write(spdlog::level::err, text, event, fields);
}

}  // namespace ptyd::log
