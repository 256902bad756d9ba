// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/frame.hpp"
#include "common/wire.hpp"

// The binary messages of docs/protocol.md. Each lists its fields once, in wire order; new fields go
// to the end (see WireReader). The JSON of requests is in common/message.hpp.
namespace ptyd {

// The protocol versions this build speaks. Two sides use the highest that both know.
inline constexpr std::uint16_t kProtocolMin = 1;
inline constexpr std::uint16_t kProtocolMax = 1;
inline constexpr char kProtocolMagic[] = "PTYD";

// Command line, environment and paths of one session, together: they must fit one frame.
inline constexpr std::size_t kMaxCommandBytes = 48 * 1024;
inline constexpr std::size_t kMaxCommandWords = 4096;
// An encoded SessionSpec must fit REGISTER, with the other fields of that.
inline constexpr std::size_t kMaxSpecBytes = kMaxFramePayload - 1024;
inline constexpr std::size_t kMaxStopInput = 1024;
inline constexpr std::size_t kMaxTerm = 64;
// Whether command, environment and folder are within kMaxCommandWords and kMaxCommandBytes, each
// word with what it takes beside its own size.
bool is_command_small_enough(const std::vector<std::string>& command,
                             const std::vector<std::string>& environment, const std::string& cwd);

// Of sessions about which nobody said anything else.
inline constexpr char kDefaultTerm[] = "xterm-256color";
inline constexpr std::uint64_t kDefaultScrollback = 1024 * 1024;
inline constexpr std::uint32_t kDefaultStopTimeoutMs = 5000;
inline constexpr std::uint32_t kDefaultIdleAfterMs = 60'000;
inline constexpr std::uint32_t kMaxStopTimeoutMs = 24 * 60 * 60 * 1000;
inline constexpr std::uint16_t kDefaultRows = 24;
inline constexpr std::uint16_t kDefaultColumns = 80;
// Beyond this a terminal size is a mistake or an attack on programs that allocate rows x columns.
inline constexpr std::uint16_t kMaxTerminalSide = 2000;
// One piece of input. Larger input is sent in pieces.
inline constexpr std::size_t kMaxInputPiece = 4096;

enum class Role : std::uint8_t { kClient = 0, kHost = 1, kServer = 2 };

// HELLO also begins with the four bytes of kProtocolMagic; see encode_hello().
struct Hello {
  std::uint16_t min_version = kProtocolMin;
  std::uint16_t max_version = kProtocolMax;
  Role role = Role::kClient;
  std::string software;  // "ptyctl 0.1.0", for logs and messages only
};
Bytes encode_hello(const Hello& hello);
std::optional<Hello> decode_hello(std::span<const std::uint8_t> payload);
// The version both can speak, or nothing.
std::optional<std::uint16_t> common_version(const Hello& theirs);
// Says which side is too old, for a person to act on.
std::string version_mismatch(const Hello& theirs, const std::string& their_name);

// Ends a connection: what was wrong with it as a whole. `code` is one of the stable error codes.
struct ProtocolError {
  static constexpr FrameType kType = FrameType::kError;
  std::string code, message;
  template <typename F>
  void fields(F&& f) {
    f(code), f(message);
  }
};

struct TerminalSize {
  std::uint16_t rows = kDefaultRows;
  std::uint16_t columns = kDefaultColumns;
  friend bool operator==(const TerminalSize&, const TerminalSize&) = default;
};
// Sizes of 0 and beyond kMaxTerminalSide are not.
bool is_valid(TerminalSize size);

enum class EndKind : std::uint8_t { kExited = 0, kSignaled = 1 };

// How a command ended, exactly as wait(2) told it.
struct ExitResult {
  EndKind kind = EndKind::kExited;
  std::int32_t value = 0;  // exit status or signal number
  friend bool operator==(const ExitResult&, const ExitResult&) = default;
};

// ---- attached client and session host ----

struct Attached {
  static constexpr FrameType kType = FrameType::kAttached;
  std::uint64_t position = 0;  // of the first OUTPUT byte that follows, counted since the beginning
  std::uint16_t rows = 0, columns = 0;
  std::uint8_t read_only = 0;
  std::string id, name;
  std::uint8_t wants_terminal = 0;  // nothing is shown before TERMINAL has come
  std::uint8_t resumed = 0;         // goes on where the client was: no RESTORE comes first
  template <typename F>
  void fields(F&& f) {
    f(position), f(rows), f(columns), f(read_only), f(id), f(name), f(wants_terminal), f(resumed);
  }
};

// Output this client was too slow for and will not get.
struct Gap {
  static constexpr FrameType kType = FrameType::kGap;
  std::uint64_t missed = 0;  // bytes
  template <typename F>
  void fields(F&& f) {
    f(missed);
  }
};

// TERMINAL has no fields: a client's terminal comes along, or none. The client neither reads nor
// writes it until it has it back: the host does, and obeys the keys that detach.

// The answer to it. Without the terminal, the host shows everything by RESTORE and OUTPUT.
struct TerminalTaken {
  static constexpr FrameType kType = FrameType::kTerminalTaken;
  std::uint8_t taken = 0;
  template <typename F>
  void fields(F&& f) {
    f(taken);
  }
};

// The host has closed the terminal. DETACHED or ENDED follows.
struct TerminalBack {
  static constexpr FrameType kType = FrameType::kTerminalBack;
  std::uint8_t at_line_start = 0;  // the last thing written was the end of a line
  std::string undo;                // to be written: takes the session's modes back
  std::uint32_t shown = 0;         // how many SHOWs were obeyed or overtaken by another
  template <typename F>
  void fields(F&& f) {
    f(at_line_start), f(undo), f(shown);
  }
};

// To be written to the terminal, between two characters of output: the one or the other.
struct Show {
  static constexpr FrameType kType = FrameType::kShow;
  std::string beside_text;
  std::string over_full_screen;  // may be empty
  template <typename F>
  void fields(F&& f) {
    f(beside_text), f(over_full_screen);
  }
};

struct Resize {
  static constexpr FrameType kType = FrameType::kResize;
  std::uint16_t rows = 0, columns = 0;
  template <typename F>
  void fields(F&& f) {
    f(rows), f(columns);
  }
};

struct Detached {
  static constexpr FrameType kType = FrameType::kDetached;
  std::string reason;  // "requested", "stolen" or "slow"
  template <typename F>
  void fields(F&& f) {
    f(reason);
  }
};

struct Ended {
  static constexpr FrameType kType = FrameType::kEnded;
  EndKind kind = EndKind::kExited;
  std::int32_t value = 0;
  template <typename F>
  void fields(F&& f) {
    f(kind), f(value);
  }
};

// ---- session host and daemon ----

// All a host needs to run a session, and all a daemon needs to take over one it has no record of.
struct SessionSpec {
  static constexpr FrameType kType = FrameType::kSpec;
  std::string id, name;
  std::vector<std::string> command;      // argv; never empty
  std::vector<std::string> environment;  // "NAME=value", set over what the host itself was given
  std::string cwd;                       // empty: the home folder
  std::string term;                      // TERM
  std::uint16_t rows = kDefaultRows, columns = kDefaultColumns;
  std::uint8_t login_shell = 0;       // argv[0] gets a leading dash, as login(1) does
  std::uint64_t scrollback = 0;       // bytes
  std::string stop_input;             // typed to ask the program to end; may be empty
  std::uint32_t stop_timeout_ms = 0;  // from being asked to SIGKILL
  std::uint32_t idle_after_ms = 0;    // without input or output
  std::int64_t created_at = 0;        // wall clock, microseconds since 1970
  // A drain ends it at once. For the daemon: the host keeps it, as all of this, for the next one.
  std::uint8_t terminate_on_drain = 0;
  // What the user database says (UserInfo::environment), for what is set in neither the host's
  // environment nor `environment`: the host does not ask it.
  std::vector<std::string> user_environment;
  template <typename F>
  void fields(F&& f) {
    f(id), f(name), f(command), f(environment), f(cwd), f(term), f(rows), f(columns);
    f(login_shell), f(scrollback), f(stop_input), f(stop_timeout_ms), f(idle_after_ms);
    f(created_at), f(terminate_on_drain), f(user_environment);
  }
};

enum class HostPhase : std::uint8_t {
  kNew = 0,      // just started, wants its SPEC; id is all that is known
  kRunning = 1,  // carries a command; the scrollback memfd comes with the frame
  kEnded = 2,    // the command has ended and nobody has taken note yet; the memfd comes along
};

struct Register {
  static constexpr FrameType kType = FrameType::kRegister;
  HostPhase phase = HostPhase::kNew;
  std::string id;
  // from here on only when not kNew
  std::uint32_t command_pid = 0;
  std::string terminal;  // "/dev/pts/3"
  std::int64_t started_at = 0;
  std::uint8_t idle = 0;
  std::uint32_t viewers = 0;
  EndKind end_kind = EndKind::kExited;
  std::int32_t end_value = 0;
  std::int64_t ended_at = 0;
  std::uint8_t forced = 0;      // see HostEnded
  Bytes spec;                   // the SessionSpec it was given, encoded
  std::uint8_t supervised = 0;  // its unit is its owner's own: ptyd neither started nor ends it
  std::uint8_t stopping = 0;    // see HostStatus
  template <typename F>
  void fields(F&& f) {
    f(phase), f(id), f(command_pid), f(terminal), f(started_at), f(idle), f(viewers);
    f(end_kind), f(end_value), f(ended_at), f(forced), f(spec), f(supervised), f(stopping);
  }
};

struct Started {
  static constexpr FrameType kType = FrameType::kStarted;  // the scrollback memfd comes along
  std::uint32_t command_pid = 0;
  std::string terminal;
  std::int64_t started_at = 0;
  template <typename F>
  void fields(F&& f) {
    f(command_pid), f(terminal), f(started_at);
  }
};

// The command never ran. The host exits after this.
struct StartFailed {
  static constexpr FrameType kType = FrameType::kStartFailed;
  std::string stage;        // "exec", "cwd", "terminal", …
  std::uint32_t error = 0;  // errno
  template <typename F>
  void fields(F&& f) {
    f(stage), f(error);
  }
};

// Sent when one of these changes.
struct HostStatus {
  static constexpr FrameType kType = FrameType::kStatus;
  std::uint8_t idle = 0;
  std::uint32_t viewers = 0;
  std::uint16_t rows = 0, columns = 0;
  std::uint8_t stopping = 0;  // a signal to the host itself, as a stop of its unit is, ends it
  friend bool operator==(const HostStatus&, const HostStatus&) = default;
  template <typename F>
  void fields(F&& f) {
    f(idle), f(viewers), f(rows), f(columns), f(stopping);
  }
};

// Repeated at each registration until the daemon has it on disk and says RELEASE.
struct HostEnded {
  static constexpr FrameType kType = FrameType::kHostEnded;
  EndKind kind = EndKind::kExited;
  std::int32_t value = 0;
  std::int64_t ended_at = 0;
  std::uint8_t forced = 0;  // something of the command's tree had to be killed with SIGKILL
  template <typename F>
  void fields(F&& f) {
    f(kind), f(value), f(ended_at), f(forced);
  }
};

// What a client is shown of the past when it attaches.
enum class Restore : std::uint8_t {
  kDefault = 0,  // kScreen for a client with a size, else kTail
  kScreen = 1,   // what its terminal would show that had seen all
  kTail = 2,     // the last output
  kNone = 3,     // nothing; a full-screen program is made to draw anew
};
// As people write them; all but kDefault.
inline constexpr std::array<std::pair<const char*, Restore>, 3> kRestoreWords{
    {{"screen", Restore::kScreen}, {"tail", Restore::kTail}, {"none", Restore::kNone}}};
// Nothing for any other word.
std::optional<Restore> parse_restore(std::string_view word);

// The client's own connection comes along.
struct PassClient {
  static constexpr FrameType kType = FrameType::kClient;
  std::uint64_t client = 0;  // the daemon's number for it, for logs
  std::uint32_t uid = 0;
  std::uint8_t read_only = 0;
  std::uint8_t steal = 0;               // detach all others
  std::uint16_t rows = 0, columns = 0;  // 0: has no size of its own
  Restore restore = Restore::kDefault;
  std::uint8_t gives_terminal = 0;  // would, if asked to
  std::uint8_t resumes = 0;         // it was attached before, and has all up to `position`
  std::uint64_t position = 0;
  template <typename F>
  void fields(F&& f) {
    f(client), f(uid), f(read_only), f(steal), f(rows), f(columns), f(restore), f(gives_terminal);
    f(resumes), f(position);
  }
};

// The daemon's requests to a host; each is answered by DONE with the same number.
struct HostInput {
  static constexpr FrameType kType = FrameType::kHostInput;
  std::uint32_t request = 0;
  Bytes data;
  template <typename F>
  void fields(F&& f) {
    f(request), f(data);
  }
};
struct HostSignal {
  static constexpr FrameType kType = FrameType::kHostSignal;
  std::uint32_t request = 0;
  std::int32_t signal = 0;  // to the command and all of its tree
  template <typename F>
  void fields(F&& f) {
    f(request), f(signal);
  }
};
// Ask, then make, the command end. DONE means it has begun; the end itself is HOST_ENDED.
struct HostTerminate {
  static constexpr FrameType kType = FrameType::kHostTerminate;
  std::uint32_t request = 0;
  std::uint32_t timeout_ms = 0;  // to SIGKILL; 0: the session's own
  template <typename F>
  void fields(F&& f) {
    f(request), f(timeout_ms);
  }
};
struct HostResize {
  static constexpr FrameType kType = FrameType::kHostResize;
  std::uint32_t request = 0;
  std::uint16_t rows = 0, columns = 0;
  template <typename F>
  void fields(F&& f) {
    f(request), f(rows), f(columns);
  }
};
struct HostDetach {
  static constexpr FrameType kType = FrameType::kHostDetach;
  std::uint32_t request = 0;
  template <typename F>
  void fields(F&& f) {
    f(request);
  }
};
// The screen as text. DONE brings it in a memfd that is made as a scrollback is.
struct HostCapture {
  static constexpr FrameType kType = FrameType::kHostCapture;
  std::uint32_t request = 0;
  std::uint8_t with_style = 0;  // as SGR sequences
  template <typename F>
  void fields(F&& f) {
    f(request), f(with_style);
  }
};
struct Done {
  static constexpr FrameType kType = FrameType::kDone;
  std::uint32_t request = 0;
  std::uint32_t error = 0;  // errno
  std::uint32_t value = 0;  // HOST_DETACH: how many were detached
  template <typename F>
  void fields(F&& f) {
    f(request), f(error), f(value);
  }
};

namespace wire_detail {

struct Encoder {
  WireWriter& out;
  void operator()(std::uint8_t v) const { out.u8(v); }
  void operator()(std::uint16_t v) const { out.u16(v); }
  void operator()(std::uint32_t v) const { out.u32(v); }
  void operator()(std::uint64_t v) const { out.u64(v); }
  void operator()(std::int32_t v) const { out.i32(v); }
  void operator()(std::int64_t v) const { out.i64(v); }
  void operator()(const std::string& v) const { out.text(v); }
  void operator()(const std::vector<std::string>& v) const { out.texts(v); }
  void operator()(const Bytes& v) const { out.text(as_text(v)); }
  template <typename E>
  requires std::is_enum_v<E>
  void operator()(E v) const { out.u8(static_cast<std::uint8_t>(v)); }
};

// Keeps the struct's own default for a field that the sender did not know.
struct Decoder {
  WireReader& in;
  void operator()(std::uint8_t& v) const { v = in.u8(v); }
  void operator()(std::uint16_t& v) const { v = in.u16(v); }
  void operator()(std::uint32_t& v) const { v = in.u32(v); }
  void operator()(std::uint64_t& v) const { v = in.u64(v); }
  void operator()(std::int32_t& v) const { v = in.i32(); }
  void operator()(std::int64_t& v) const { v = in.i64(); }
  void operator()(std::string& v) const { v = in.text(); }
  void operator()(std::vector<std::string>& v) const { v = in.texts(); }
  void operator()(Bytes& v) const {
    const auto text = in.text();
    v.assign(text.begin(), text.end());
  }
  template <typename E>
  requires std::is_enum_v<E>
  void operator()(E& v) const { v = static_cast<E>(in.u8(static_cast<std::uint8_t>(v))); }
};

}  // namespace wire_detail

template <typename Message>
Bytes encode(Message message) {
  WireWriter out;
  message.fields(wire_detail::Encoder{out});
  return out.take();
}

// Nothing when a field is cut short. Values are as sent: ranges are for the receiver to check.
template <typename Message>
std::optional<Message> decode(std::span<const std::uint8_t> payload) {
  WireReader in(payload);
  Message message;
  message.fields(wire_detail::Decoder{in});
  if (!in.ok()) return std::nullopt;
  return message;
}

}  // namespace ptyd
