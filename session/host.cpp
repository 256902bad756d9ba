// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/host.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "common/text.hpp"
#include "session/log.hpp"
#include "session/spec_check.hpp"

namespace ptyd {
namespace {

constexpr std::chrono::seconds kSpecTime{10};
// How long a host whose session is over stays for somebody to take note of the end.
constexpr std::chrono::minutes kUnheardTime{10};
// The same where the service manager waits for the process.
constexpr std::chrono::seconds kUnheardTimeStopping{3};
// As shells say it.
constexpr int kNotFound = 127;
constexpr int kNotExecutable = 126;

std::int64_t now_us() { return to_us(std::chrono::system_clock::now()); }

UniqueFd duplicate(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

}  // namespace

Host::Host(EventLoop& loop, const std::string& socket_path, std::string id,
           std::optional<Bytes> spec)
    : loop_(loop),
      id_(std::move(id)),
      supervised_(spec.has_value()),
      spec_bytes_(std::move(spec).value_or(Bytes())),
      signals_(loop, {SIGCHLD, SIGTERM, SIGINT, SIGHUP},
               [this](const signalfd_siginfo& info) { on_signal(info); }),
      link_(loop, socket_path,
            {.registration = [this] { return registration(); },
             .on_registered = [this] { on_registered(); },
             .on_frame = [this](const Frame& frame) { on_frame(frame); },
             .on_failed =
                 [this](const std::string& reason) {
                   log_line(reason);
                   fail();
                 },
             .on_lost = [this] { on_lost(); }}),
      command_(loop, {.on_started = [this] { on_started(); },
                      .on_start_failed = [this](const auto& failure) { on_start_failed(failure); },
                      .on_exited = [this] { on_exited(); },
                      .on_tree_gone = [this] { on_tree_gone(); }}),
      spec_timer_(loop,
                  [this] {
                    log_line("the daemon gave no session to run in time");
                    fail();
                  }),
      give_up_timer_(loop, [this] { on_give_up(); }) {
  if (supervised_) unit_.emplace(loop, UnitNotifier::from_environment());
}

ExitResult Host::run() {
  if (supervised_) {
    loop_.post([this] { start(spec_bytes_); });
  } else {
    spec_timer_.start(kSpecTime);
    loop_.post([this] { link_.connect(); });
  }
  loop_.run();
  return exit_;
}

void Host::quit(ExitResult result) {
  exit_ = result;
  loop_.quit();
}

void Host::on_signal(const signalfd_siginfo& info) {
  if (info.ssi_signo == SIGCHLD) return command_.reap();
  if (info.ssi_signo == SIGHUP) return;  // no terminal that a host was started from matters to it
  if (phase_ == Phase::kAwaitingSpec) return fail();
  const bool again = std::exchange(stopping_, true);
  if (phase_ == Phase::kEnded) {
    if (!again) give_up_timer_.start(kUnheardTimeStopping);
    return;
  }
  terminate(stop_timeout());
  mark_status();
}

// ---- the unit ----

void Host::tell_unit() {
  if (!unit_ || phase_ == Phase::kAwaitingSpec || phase_ == Phase::kStarting) return;
  if (ending_ || !command_runs()) {
    unit_->stopping();
    return unit_->status(phase_ == Phase::kEnded ? "Ended" : "Ending");
  }
  unit_->status(link_.registered() ? "Attachable as " + spec_.name + ", " +
                                         std::to_string(relay_->viewers()) + " attached"
                                   : "Running, attachable once a ptyd runs");
}

// ---- the daemon ----

ControlLink::Registration Host::registration() {
  Register message;
  message.id = id_;
  if (phase_ == Phase::kAwaitingSpec) return {encode(message), {}};
  message.phase = phase_ == Phase::kEnded ? HostPhase::kEnded : HostPhase::kRunning;
  message.command_pid = static_cast<std::uint32_t>(command_.pid());
  message.terminal = relay_->terminal();
  message.started_at = started_at_;
  message.idle = relay_->idle();
  message.viewers = static_cast<std::uint32_t>(relay_->viewers());
  if (phase_ == Phase::kEnded) {
    message.end_kind = command_.result()->kind;
    message.end_value = command_.result()->value;
    message.ended_at = ended_at_;
    message.forced = command_.forced();
  }
  message.spec = spec_bytes_;
  message.supervised = supervised_ ? 1 : 0;
  message.stopping = stopping_ ? 1 : 0;
  return {encode(message), duplicate(relay_->scrollback_fd())};
}

void Host::on_registered() {
  if (phase_ == Phase::kAwaitingSpec) {
    // There is a record of the session, or will be: whoever reads it counts on this host.
    link_.come_back();
    return spec_timer_.start(kUnheardTime);
  }
  status_sent_.reset();
  mark_status();
  // It may have ended between the registration and this answer.
  if (phase_ == Phase::kEnded) report_end();
}

void Host::on_lost() {
  tell_unit();
  // Nobody is left to take note of the end, and a restart of the unit is not to wait for another.
  if (!supervised_ || phase_ != Phase::kEnded) return;
  released_ = true;
  quit_if_done();
}

void Host::on_frame(const Frame& frame) {
  if (phase_ == Phase::kAwaitingSpec) {
    if (frame.type != FrameType::kSpec) return;
    spec_timer_.stop();
    start(frame.payload);
    return;
  }
  switch (frame.type) {
    case FrameType::kClient: return on_client(frame);
    case FrameType::kHostInput: return on_input(frame);
    case FrameType::kHostSignal: return on_kill(frame);
    case FrameType::kHostTerminate: return on_terminate(frame);
    case FrameType::kHostResize: return on_resize(frame);
    case FrameType::kHostDetach: return on_detach(frame);
    case FrameType::kHostCapture: return on_capture(frame);
    case FrameType::kHostNotice: return relay_->notice(frame.payload);
    case FrameType::kRelease: released_ = phase_ == Phase::kEnded; return quit_if_done();
    default: return;  // of a newer daemon, and nothing that this session needs
  }
}

void Host::start(std::span<const std::uint8_t> bytes) {
  auto spec = decode<SessionSpec>(bytes);
  const auto problem = !spec || bytes.size() > kMaxSpecBytes ? "it is cut short or too long"
                                                             : spec_problem(*spec, id_);
  if (!problem.empty()) {
    log_line("the description of the session is not valid: " + problem);
    return on_start_failed({StartStage::kSpec, EINVAL});
  }
  spec_ = std::move(*spec);
  if (!supervised_) spec_bytes_.assign(bytes.begin(), bytes.end());
  phase_ = Phase::kStarting;
  link_.keep_trying();  // from here on the session is worth more than this daemon
  StartFailure failure;
  relay_ = Relay::open(loop_, spec_,
                       {.on_status = [this] { mark_status(); },
                        .on_drained = [this] { on_drained(); },
                        .on_all_gone = [this] { quit_if_done(); }},
                       failure);
  if (!relay_ || !command_.start(spec_, relay_->terminal_fd(), supervised_, failure))
    return on_start_failed(failure);
  started_at_ = now_us();
  spec_.command = {};  // the command's process has its own copies
  spec_.environment = {};
}

void Host::on_client(const Frame& frame) {
  auto socket = link_.take_fd();
  const auto client = decode<PassClient>(frame.payload);
  if (client) relay_->attach(std::move(socket), *client);
}

void Host::on_input(const Frame& frame) {
  const auto input = decode<HostInput>(frame.payload);
  if (!input) return;
  if (!command_runs()) return answer(input->request, ESRCH);
  answer(input->request, relay_->type(input->data) ? 0 : EAGAIN);
}

void Host::on_kill(const Frame& frame) {
  const auto kill = decode<HostSignal>(frame.payload);
  if (!kill) return;
  if (kill->signal <= 0 || kill->signal >= NSIG) return answer(kill->request, EINVAL);
  answer(kill->request, command_.signal_all(kill->signal) ? 0 : ESRCH);
}

void Host::on_terminate(const Frame& frame) {
  const auto order = decode<HostTerminate>(frame.payload);
  if (!order) return;
  answer(order->request, 0);
  terminate(order->timeout_ms == 0 ? stop_timeout() : std::chrono::milliseconds(order->timeout_ms));
}

void Host::on_resize(const Frame& frame) {
  const auto resize = decode<HostResize>(frame.payload);
  if (!resize) return;
  const TerminalSize size{resize->rows, resize->columns};
  if (!is_valid(size)) return answer(resize->request, EINVAL);
  if (!command_runs()) return answer(resize->request, ESRCH);
  relay_->resize(size);
  answer(resize->request, 0);
}

void Host::on_detach(const Frame& frame) {
  const auto detach = decode<HostDetach>(frame.payload);
  if (detach) answer(detach->request, 0, relay_->detach_all());
}

void Host::on_capture(const Frame& frame) {
  const auto capture = decode<HostCapture>(frame.payload);
  if (!capture) return;
  std::error_code error;
  auto memory = relay_->capture(capture->with_style != 0, error);
  if (!memory) return answer(capture->request, error ? error.value() : EMFILE);
  link_.send(Done{capture->request, 0, 0}, std::move(memory));
}

void Host::answer(std::uint32_t request, int error, std::uint32_t value) {
  link_.send(Done{request, static_cast<std::uint32_t>(error), value});
}

// Several changes of one turn of the loop make one STATUS.
void Host::mark_status() {
  if (std::exchange(status_posted_, true)) return;
  loop_.post([this] { send_status(); });
}

void Host::send_status() {
  status_posted_ = false;
  tell_unit();
  // Until STARTED there is no session that could have a status.
  if (!relay_ || phase_ == Phase::kStarting || !link_.registered()) return;
  HostStatus status;
  status.idle = relay_->idle();
  status.viewers = static_cast<std::uint32_t>(relay_->viewers());
  status.rows = relay_->size().rows;
  status.columns = relay_->size().columns;
  status.stopping = stopping_ ? 1 : 0;
  if (status_sent_ == status) return;
  status_sent_ = status;
  link_.send(status);
}

// ---- the command ----

void Host::on_started() {
  phase_ = Phase::kRunning;
  if (unit_) unit_->ready();
  // Only now: what could not be started was no session.
  if (supervised_) link_.connect();
  link_.send(Started{static_cast<std::uint32_t>(command_.pid()), relay_->terminal(), started_at_},
             duplicate(relay_->scrollback_fd()));
  mark_status();
}

// The connection is new and its buffer empty, so this is with the kernel before the host exits.
void Host::on_start_failed(const StartFailure& failure) {
  link_.send(StartFailed{to_string(failure.stage), static_cast<std::uint32_t>(failure.error)});
  if (supervised_) return report_start_failure(failure);
  fail();
}

void Host::report_start_failure(const StartFailure& failure) {
  const auto reason = std::generic_category().message(failure.error);
  const bool exec = failure.stage == StartStage::kExec;
  if (failure.stage == StartStage::kCwd)
    log_line("cannot use the working folder " + printable(spec_.cwd) + ": " + reason);
  else if (!exec && failure.stage != StartStage::kSpec)
    log_line("cannot set up the " + std::string(to_string(failure.stage)) + ": " + reason);
  if (!exec) return fail();
  const auto spec = decode<SessionSpec>(spec_bytes_);
  log_line("cannot run " + printable(spec->command.front()) + ": " + reason);
  fail(failure.error == ENOENT ? kNotFound : kNotExecutable);
}

void Host::on_exited() {
  if (phase_ != Phase::kRunning) return;  // it never became the command
  ended_at_ = now_us();
  phase_ = Phase::kDraining;
  tell_unit();
  relay_->begin_drain();
}

void Host::on_drained() {
  phase_ = Phase::kEnding;
  relay_->finish(*command_.result());
  if (command_.tree_gone()) return on_tree_gone();
  command_.end(stop_timeout(), {});
}

void Host::on_tree_gone() {
  if (phase_ != Phase::kEnding) return;  // still draining: on_drained() comes back to it
  phase_ = Phase::kEnded;
  tell_unit();
  if (supervised_ && !link_.connected()) {
    released_ = true;
    return quit_if_done();
  }
  give_up_timer_.start(stopping_ || supervised_ ? Clock::duration(kUnheardTimeStopping)
                                                : kUnheardTime);
  report_end();
}

std::chrono::milliseconds Host::stop_timeout() const {
  if (spec_.stop_timeout_ms == 0) return std::chrono::milliseconds(kDefaultStopTimeoutMs);
  return std::chrono::milliseconds(spec_.stop_timeout_ms);
}

void Host::terminate(std::chrono::milliseconds timeout) {
  // Who is typed to gets half of the time to end by itself.
  const bool typed = command_runs() && type_stop_input();
  ending_ = true;
  tell_unit();
  command_.end(timeout, typed ? timeout / 2 : timeout.zero());
}

bool Host::type_stop_input() {
  if (spec_.stop_input.empty()) return false;
  if (stop_input_typed_) return true;
  // A line needs its Enter; a control character (^C, ^D) is complete.
  const auto last = static_cast<unsigned char>(spec_.stop_input.back());
  const auto keys = last < 0x20 ? spec_.stop_input : spec_.stop_input + "\r";
  stop_input_typed_ = relay_->type(as_bytes(keys));
  return stop_input_typed_;
}

// ---- the end ----

void Host::report_end() {
  const auto& result = *command_.result();
  link_.send(HostEnded{result.kind, result.value, ended_at_, command_.forced()});
}

void Host::on_give_up() {
  if (!stopping_ && !supervised_ && link_.registered()) return give_up_timer_.start(kUnheardTime);
  log_line("nobody took note of the end of the session");
  if (!supervised_) return quit({});
  released_ = true;
  quit_if_done();  // its viewers have a bound of their own
}

void Host::quit_if_done() {
  if (!released_ || !relay_->all_gone()) return;
  quit(supervised_ ? *command_.result() : ExitResult{});
}

}  // namespace ptyd
