// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/message.hpp"
#include "common/protocol.hpp"
#include "common/scrollback/reader.hpp"
#include "common/text.hpp"

namespace ptyd {

class HostLink;

enum class SessionState { kStarting, kActive, kIdle, kStopping, kStopped, kError };
const char* to_string(SessionState state);
std::optional<SessionState> parse_session_state(std::string_view text);
// The command runs, or is about to.
bool is_living(SessionState state);
// Whether the state machine has an edge from one to the other:
//   starting → active, stopping, error
//   active ⇄ idle, either → stopping, stopped, error
//   stopping → stopped, error
//   error → active, idle, stopped: a host thought lost has come back
bool may_follow(SessionState from, SessionState to);

// What a drain does to a session: "wait" or "terminate". Nothing for any other word.
inline constexpr std::array<std::pair<const char*, bool>, 2> kOnDrainWords{
    {{"wait", false}, {"terminate", true}}};
std::optional<bool> terminates_on_drain(std::string_view word);
const char* on_drain_word(const SessionSpec& spec);

// One session, from creation to its record being forgotten. Data and its rules; what happens to it
// is the SessionManager's.
struct Session {
  SessionSpec spec;  // what was asked for; never changes
  uid_t uid = static_cast<uid_t>(-1);
  std::string user;  // name of uid, or its number

  pid_t command_pid = 0;
  pid_t host_pid = 0;
  std::string terminal;
  TerminalSize size;
  std::uint32_t viewers = 0;
  std::optional<WallTime> started_at;
  std::optional<WallTime> ended_at;
  // The same on a clock that nobody sets; of a session that an earlier daemon has seen end, as old
  // as ended_at made it when it was read.
  std::chrono::steady_clock::time_point ended_since{};
  std::optional<ExitResult> result;
  bool forced = false;  // SIGKILL was needed to end its tree
  // Its host is the main process of a unit of its owner's: the service manager's to start, restart
  // and stop, and ours to be attached to.
  bool supervised = false;
  bool waits = false;      // in the queue of create requests, and not being started yet
  std::string lost_cause;  // with state error: "lost" or "reboot"
  std::string
      unit;  // of systemd, that ptyd has started for it; empty where it has not, or does not know
  std::string boot_id;  // of the boot it runs or ran in
  // Frozen when the session has ended; until then see last_activity() and output_bytes().
  WallTime final_activity{};
  std::uint64_t final_output = 0;

  std::shared_ptr<ScrollbackReader> scrollback;  // while a host has it, and until it is on disk
  HostLink* link = nullptr;                      // null: no host, or one that is not connected now
  std::uint64_t generation = 0;                  // counts changes, so that the store can tell
  std::uint64_t saved_generation = 0;            // the last one that is on disk

  [[nodiscard]] const std::string& id() const { return spec.id; }
  [[nodiscard]] const std::string& name() const { return spec.name; }
  [[nodiscard]] SessionState state() const { return state_; }
  // False, and nothing changes, when the state machine has no such edge.
  [[nodiscard]] bool try_set_state(SessionState next);
  // For a record that was read from disk.
  void restore_state(SessionState state) { state_ = state; }
  [[nodiscard]] bool living() const { return is_living(state_); }
  // Its command runs, and nothing ends it.
  [[nodiscard]] bool running() const {
    return state_ == SessionState::kActive || state_ == SessionState::kIdle;
  }
  // A drain waits for it, and a stop ends it.
  [[nodiscard]] bool ends_with_daemon() const { return living() && !supervised; }
  [[nodiscard]] WallTime last_activity() const;
  [[nodiscard]] std::uint64_t output_bytes() const;
  // "exited", "SIGKILL", "lost", … or empty while it lives.
  [[nodiscard]] std::string ended_by() const;

 private:
  SessionState state_ = SessionState::kStarting;
};

using SessionPtr = std::shared_ptr<Session>;

// What is on disk: the session object of docs/protocol.md and what is needed to run it again (its
// environment, for one).
Json to_record(const Session& session);
// Nothing, with `problem` set, for a record that this version cannot have written.
SessionPtr from_record(const Json& record, std::string& problem);

}  // namespace ptyd
