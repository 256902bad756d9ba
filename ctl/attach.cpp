// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/attach.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/protocol.hpp"
#include "common/terminal/detach_keys.hpp"
#include "common/text.hpp"
#include "ctl/attach_screen.hpp"
#include "ctl/exit_status.hpp"
#include "ctl/output.hpp"
#include "ctl/session_view.hpp"
#include "ctl/stream.hpp"
#include "ctl/terminal.hpp"

namespace ptyd {
namespace {

// Output that the terminal has not taken. Beyond this nothing is read, and the session host, which
// has a rule for slow clients, decides what happens.
constexpr std::size_t kMaxPendingOutput = 64 * 1024;
// Input that the session has not taken; beyond this the keyboard waits.
constexpr std::size_t kMaxPendingInput = 64 * 1024;
// For the session host to confirm that the client is off.
constexpr auto kDetachPatience = std::chrono::seconds(1);

bool is_same_terminal(int a, int b) {
  struct stat of_a {};
  struct stat of_b {};
  return ::isatty(a) == 1 && ::isatty(b) == 1 && ::fstat(a, &of_a) == 0 && ::fstat(b, &of_b) == 0 &&
         of_a.st_rdev == of_b.st_rdev;
}

// It may go to a process of `owner` only if that is who runs this one.
bool is_own_terminal(uid_t owner) {
  return owner == ::getuid() && owner == ::geteuid() &&
         is_same_terminal(STDIN_FILENO, STDOUT_FILENO);
}

class Attachment {
 public:
  Attachment(Connection& connection, const AttachOptions& options);
  AttachOutcome run();

 private:
  enum class Phase { kAsking, kAttached, kDetaching, kOver };
  // Who reads and writes the terminal: this program, which may have offered it, or the session
  // host.
  enum class Hands { kOwn, kOffered, kGiven };

  void ask(const AttachOptions& options);
  void on_frame(const Frame& frame);
  void on_reply(const Frame& frame);
  void on_attached(const Frame& frame);
  void on_detached(const Frame& frame);
  void on_ended(const Frame& frame);
  void on_closed(const std::string& reason);
  void on_notice(const Frame& frame);
  void give_terminal();
  void on_terminal_taken(const Frame& frame);
  void on_terminal_back(const Frame& frame);
  void notify(const std::string& line, AttachScreen::Urgency urgency);
  void on_typed(std::span<const std::uint8_t> bytes);
  void on_input_end();
  void on_signal(int signal);
  void send_input(std::span<const std::uint8_t> bytes);
  void send_size();
  void begin_detach();
  void refuse(Failure failure);
  // The session is over for this client: `line` is told when all output has been written.
  void end(std::string line, int status);
  void end_now(std::string line, int status);
  void update_flow();
  [[nodiscard]] bool finished() const;

  EventLoop& loop_;
  Phase phase_ = Phase::kAsking;
  Hands hands_ = Hands::kOwn;
  bool may_give_ = false;
  int detach_status_ = kSucceeded;
  std::uint32_t shows_sent_ = 0;
  std::string last_shown_;
  bool hurry_ = false;  // what is still to be written no longer matters
  std::string name_;
  std::string last_line_;
  AttachOutcome outcome_;
  FrameChannel* channel_ = nullptr;  // null once closed
  RawMode raw_mode_;
  AttachScreen screen_;
  DetachKeys keys_;
  Timer keys_timer_;
  Timer detach_timer_;
  InputStream input_;
  SignalWatch signals_;
};

Attachment::Attachment(Connection& connection, const AttachOptions& options)
    : loop_(connection.loop()),
      name_(options.session),
      screen_(loop_, {[this] { update_flow(); }, [this] { end_now({}, kSucceeded); }}),
      keys_timer_(loop_, [this] { send_input(keys_.expire()); }),
      detach_timer_(loop_, [this] { end_now("[detached from " + name_ + "]", detach_status_); }),
      input_(loop_, STDIN_FILENO,
             {[this](std::span<const std::uint8_t> bytes) { on_typed(bytes); },
              [this] { on_input_end(); }}),
      signals_(
          loop_, {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGWINCH},
          [this](const signalfd_siginfo& info) { on_signal(static_cast<int>(info.ssi_signo)); }) {
  channel_ = &connection.take_over({[this](const Frame& frame) { on_frame(frame); },
                                    [this](const std::string& reason) { on_closed(reason); },
                                    [this] { update_flow(); }});
  ask(options);
}

AttachOutcome Attachment::run() {
  while (!finished()) loop_.run_once(std::chrono::milliseconds(-1));
  if (channel_ != nullptr) channel_->set_callbacks({[](const Frame&) {}, {}, {}});
  if (hands_ == Hands::kGiven) screen_.take_back_from_the_dead();
  if (!outcome_.refused) screen_.give_back(hurry_);
  raw_mode_.leave();
  if (!last_line_.empty()) screen_.print_last_line(last_line_);
  return outcome_;
}

bool Attachment::finished() const {
  return phase_ == Phase::kOver && (hurry_ || screen_.pending() == 0);
}

void Attachment::ask(const AttachOptions& options) {
  Json params{{"session", options.session}};
  if (options.read_only) params["readOnly"] = true;
  if (options.steal) params["steal"] = true;
  if (!options.restore.empty()) params["restore"] = options.restore;
  if (const auto size = terminal_size(STDOUT_FILENO)) {
    params["rows"] = size->rows;
    params["columns"] = size->columns;
    may_give_ = options.owner && is_own_terminal(*options.owner);
    if (may_give_) params["givesTerminal"] = true;
  }
  const Json request{{"id", 1}, {"method", "attach"}, {"params", params}};
  channel_->send(FrameType::kRequest, encode_message(request));
}

void Attachment::on_frame(const Frame& frame) {
  if (phase_ == Phase::kOver) return;
  switch (frame.type) {
    case FrameType::kReply: return on_reply(frame);
    case FrameType::kAttached: return on_attached(frame);
    case FrameType::kRestore:
    case FrameType::kOutput:
      if (phase_ == Phase::kAttached) screen_.write(frame.payload);
      return update_flow();
    case FrameType::kGap:
      if (const auto gap = decode<Gap>(frame.payload); gap && phase_ == Phase::kAttached)
        notify("[ptyd: " + std::to_string(gap->missed) + " bytes skipped]",
               AttachScreen::Urgency::kUnlessFullScreen);
      return;
    case FrameType::kNotice: return on_notice(frame);
    case FrameType::kTerminalTaken: return on_terminal_taken(frame);
    case FrameType::kTerminalBack: return on_terminal_back(frame);
    case FrameType::kDetached: return on_detached(frame);
    case FrameType::kEnded: return on_ended(frame);
    case FrameType::kError: {
      const auto error = decode<ProtocolError>(frame.payload);
      const auto message = error ? error->message : "the connection was refused";
      if (phase_ == Phase::kAsking) return refuse({error ? error->code : "", message});
      return end("[lost " + name_ + ": " + message + "]", kFailed);
    }
    default: return;
  }
}

void Attachment::on_reply(const Frame& frame) {
  if (phase_ != Phase::kAsking) return;
  const auto message = decode_message(frame.payload);
  const auto error = message ? message->json.value("error", Json::object()) : Json::object();
  refuse({text_of(error, "code"), text_of(error, "message")});
}

void Attachment::refuse(Failure failure) {
  if (failure.message.empty()) failure.message = "the daemon refused to attach";
  outcome_.refused = std::move(failure);
  end_now({}, kFailed);
}

void Attachment::on_attached(const Frame& frame) {
  if (phase_ != Phase::kAsking) return;
  const auto attached = decode<Attached>(frame.payload);
  if (attached && !attached->name.empty()) name_ = printable(attached->name);
  phase_ = Phase::kAttached;
  raw_mode_.enter(STDIN_FILENO);
  if (may_give_ && attached && attached->wants_terminal != 0) give_terminal();
  update_flow();
}

void Attachment::give_terminal() {
  hands_ = Hands::kOffered;
  channel_->send(FrameType::kTerminal, {}, UniqueFd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)));
}

void Attachment::on_terminal_taken(const Frame& frame) {
  const auto answer = decode<TerminalTaken>(frame.payload);
  if (hands_ != Hands::kOffered) return;
  hands_ = answer && answer->taken != 0 ? Hands::kGiven : Hands::kOwn;
  update_flow();
}

void Attachment::on_terminal_back(const Frame& frame) {
  auto back = decode<TerminalBack>(frame.payload);
  if (hands_ != Hands::kGiven || !back) return;
  hands_ = Hands::kOwn;
  // Told too late to be shown in between.
  if (back->shown < shows_sent_) back->undo += "\r\n" + last_shown_ + "\r\n";
  if (back->shown < shows_sent_) back->at_line_start = 1;
  screen_.take_back(*back);
}

void Attachment::on_detached(const Frame& frame) {
  const auto detached = decode<Detached>(frame.payload);
  const std::string reason = detached ? detached->reason : std::string();
  if (phase_ == Phase::kDetaching) return end_now("[detached from " + name_ + "]", detach_status_);
  if (reason == "stolen") return end("[another client took over " + name_ + "]", kSucceeded);
  if (reason == "slow")
    return end("[detached from " + name_ + ": this terminal is too slow]", kFailed);
  end("[detached from " + name_ + "]", kSucceeded);
}

void Attachment::on_ended(const Frame& frame) {
  const auto ended = decode<Ended>(frame.payload);
  if (!ended) return end("[" + name_ + " ended]", kFailed);
  if (ended->kind == EndKind::kExited)
    return end("[" + name_ + " exited with status " + std::to_string(ended->value) + "]",
               ended->value & 0xff);
  end("[" + name_ + " killed by " + signal_name(ended->value) + "]", kSignalBase + ended->value);
}

void Attachment::on_closed(const std::string& reason) {
  channel_ = nullptr;
  if (phase_ == Phase::kAsking)
    return refuse({kConnectionLost, reason.empty() ? "the daemon closed the connection" : reason});
  if (phase_ == Phase::kDetaching) return end_now("[detached from " + name_ + "]", detach_status_);
  end("[lost the session host of " + name_ + "]", kFailed);
}

void Attachment::on_notice(const Frame& frame) {
  const auto message = decode_message(frame.payload);
  if (phase_ != Phase::kAttached || !message) return;
  const auto type = text_of(message->json, "type");
  if (type != "server.shutdown" && type != "machine.shutdown") return;
  const auto seconds = (number_of(message->json, "gracePeriodMs") + 999) / 1000;
  const auto text = printable(text_of(message->json, "message"));
  notify("[ptyd: " + text + ", " + std::to_string(seconds) + " s left]",
         AttachScreen::Urgency::kAlways);
}

void Attachment::notify(const std::string& line, AttachScreen::Urgency urgency) {
  if (hands_ == Hands::kOwn) return screen_.notify(line, urgency);
  if (channel_ == nullptr) return;
  channel_->send(FrameType::kShow, encode(screen_.notice(line, urgency)));
  ++shows_sent_;
  last_shown_ = line;
}

void Attachment::on_typed(std::span<const std::uint8_t> bytes) {
  // Only a terminal has somebody who presses keys; other input goes through as it is.
  if (!raw_mode_.entered()) return send_input(bytes);
  const auto typed = keys_.feed(bytes, Clock::now());
  send_input(typed.pass_on);
  if (typed.detach) return begin_detach();
  if (const auto deadline = keys_.deadline()) {
    keys_timer_.start(*deadline - Clock::now());
  } else {
    keys_timer_.stop();
  }
}

void Attachment::send_input(std::span<const std::uint8_t> bytes) {
  if (phase_ != Phase::kAttached || channel_ == nullptr) return;
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(bytes.size(), kMaxInputPiece));
    channel_->send(FrameType::kInput, piece);
    bytes = bytes.subspan(piece.size());
  }
  update_flow();
}

void Attachment::on_input_end() {
  // A file or pipe has been sent; the output of what it asked for is still to come.
  if (raw_mode_.entered()) on_signal(SIGHUP);
}

void Attachment::on_signal(int signal) {
  if (signal == SIGWINCH) return send_size();
  if (hands_ != Hands::kOwn && phase_ == Phase::kAttached) {
    detach_status_ = kSignalBase + signal;
    return begin_detach();
  }
  end_now("[detached from " + name_ + "]", kSignalBase + signal);
}

void Attachment::send_size() {
  screen_.update_size();
  const auto size = terminal_size(STDOUT_FILENO);
  if (phase_ != Phase::kAttached || channel_ == nullptr || !size) return;
  channel_->send(FrameType::kResize, encode(Resize{size->rows, size->columns}));
}

void Attachment::begin_detach() {
  if (phase_ != Phase::kAttached) return end_now(last_line_, outcome_.exit_status);
  phase_ = Phase::kDetaching;
  detach_timer_.start(kDetachPatience);
  if (channel_ == nullptr) return;
  channel_->resume_reading();
  channel_->send(FrameType::kDetach, {});
}

void Attachment::end(std::string line, int status) {
  if (phase_ == Phase::kOver) return;
  phase_ = Phase::kOver;
  last_line_ = std::move(line);
  outcome_.exit_status = status;
}

void Attachment::end_now(std::string line, int status) {
  end(std::move(line), status);
  hurry_ = true;
}

void Attachment::update_flow() {
  if (phase_ != Phase::kAttached || channel_ == nullptr) return;
  if (screen_.pending() > kMaxPendingOutput) {
    channel_->pause_reading();
  } else {
    channel_->resume_reading();
  }
  if (hands_ != Hands::kOwn || channel_->queued() > kMaxPendingInput) {
    input_.pause();
  } else {
    input_.resume();
  }
}

}  // namespace

AttachOutcome attach(Connection& connection, const AttachOptions& options) {
  return Attachment(connection, options).run();
}

}  // namespace ptyd
