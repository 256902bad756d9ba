// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/command.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "common/process_tree.hpp"
#include "session/log.hpp"

namespace ptyd {
namespace {

// A killed tree can have grown while it was being killed, so it is killed again until it is gone.
constexpr std::chrono::milliseconds kKillInterval{20};
// What has not gone after about 3 s of that hangs in the kernel, and will die when it comes out.
constexpr int kMaxKillRounds = 150;
// Far enough apart for a shell to save its history in between: a second SIGHUP would cut that off.
constexpr int kHangUpRounds = 4;
constexpr std::chrono::milliseconds kHangUpInterval{500};
// The zombies collected in one turn of the loop, so that a fork storm cannot hold it.
constexpr int kMaxReaped = 512;

ExitResult to_result(int status) {
  if (WIFSIGNALED(status)) return {EndKind::kSignaled, WTERMSIG(status)};
  return {EndKind::kExited, WEXITSTATUS(status)};
}

void start_earlier(Timer& timer, Clock::duration delay) {
  if (!timer.active() || timer.deadline() > Clock::now() + delay) timer.start(delay);
}

}  // namespace

Command::Command(EventLoop& loop, Callbacks callbacks)
    : loop_(loop),
      callbacks_(std::move(callbacks)),
      foreign_(children(::getpid())),
      ask_timer_(loop, [this] { on_ask_timer(); }),
      kill_timer_(loop, [this] { kill_round(); }) {}

bool Command::start(const SessionSpec& spec, int terminal, bool supervised, StartFailure& failure) {
  auto spawned = spawn(spec, terminal, supervised, failure);
  if (!spawned) return false;
  spawned_ = std::move(*spawned);
  try {
    report_watch_ = std::make_unique<IoWatch>(loop_, spawned_.report.get(), EPOLLIN,
                                              [this](std::uint32_t) { on_report(); });
  } catch (const std::system_error& e) {
    // It may run already, unheard of: it goes again, and SIGCHLD collects it.
    ::kill(spawned_.pid, SIGKILL);
    failure = {StartStage::kFork, e.code().value()};
    return false;
  }
  return true;
}

void Command::on_report() {
  if (!report_watch_) return;
  StartFailure failure;
  const auto report = read_report(spawned_.report.get(), failure);
  if (report == StartReport::kPending) return;
  report_watch_.reset();
  spawned_.report.reset();
  if (report == StartReport::kStarted)
    callbacks_.on_started();
  else
    callbacks_.on_start_failed(failure);
}

void Command::reap() {
  const bool had_result = result_.has_value();
  const bool none_left = reap_some();
  if (!had_result && result_) {
    // A short command can be gone before its start was noticed: first things first.
    on_report();
    callbacks_.on_exited();
  }
  if (!none_left || !result_ || tree_gone_) return;
  tree_gone_ = true;
  ask_timer_.stop();
  kill_timer_.stop();
  callbacks_.on_tree_gone();
}

bool Command::reap_some() {
  for (int i = 0; i < kMaxReaped; ++i) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid == 0) return result_ && only_foreign_left();
    if (pid < 0) return errno == ECHILD;
    if (pid == spawned_.pid) result_ = to_result(status);
    std::erase(foreign_, pid);  // the number may come again, for one of the session's
  }
  loop_.post([this] { reap(); });
  return false;
}

bool Command::only_foreign_left() const {
  if (foreign_.empty()) return false;
  const auto left = children(::getpid());
  return std::all_of(left.begin(), left.end(), [this](pid_t pid) {
    return std::find(foreign_.begin(), foreign_.end(), pid) != foreign_.end();
  });
}

std::vector<pid_t> Command::tree() const { return descendants(::getpid(), foreign_); }

bool Command::signal_one(pid_t pid, int signal) const {
  return signal_descendant(::getpid(), pid, signal, foreign_);
}

bool Command::signal_all(int signal) {
  bool any = false;
  for (const pid_t pid : tree()) any |= signal_one(pid, signal);
  return any;
}

void Command::end(std::chrono::milliseconds timeout, std::chrono::milliseconds ask_after) {
  if (tree_gone_) return;
  if (kill_rounds_ == 0) start_earlier(kill_timer_, timeout);
  if (asked_) return;
  if (ask_after > ask_after.zero()) return start_earlier(ask_timer_, ask_after);
  ask();
}

void Command::on_ask_timer() {
  if (asked_)
    hang_up(tree());
  else
    ask();
}

void Command::ask() {
  ask_timer_.stop();
  asked_ = true;
  const auto asked = tree();
  for (const pid_t pid : asked) signal_one(pid, SIGTERM);
  hang_up(asked);
  for (const pid_t pid : asked) signal_one(pid, SIGCONT);  // one that is stopped does nothing else
}

// To who ignores SIGTERM, as an interactive shell does. Not to all: who catches SIGTERM to end in
// good order would die of SIGHUP before that. Said again to who stays: a shell that is about to
// show its prompt catches SIGTERM for a moment, and bash overlooks a SIGHUP that comes just before
// it waits for a key.
void Command::hang_up(const std::vector<pid_t>& pids) {
  for (const pid_t pid : pids)
    if (ignores_signal(pid, SIGTERM)) signal_one(pid, SIGHUP);
  if (++hang_up_rounds_ < kHangUpRounds) ask_timer_.start(kHangUpInterval);
}

void Command::kill_round() {
  reap();  // what has exited in time was not forced
  if (tree_gone_) return;
  asked_ = true;
  ask_timer_.stop();
  forced_ |= signal_all(SIGKILL);
  if (++kill_rounds_ <= kMaxKillRounds) return kill_timer_.start(kKillInterval);
  log_line("a process of the session does not die of SIGKILL; no longer waiting for it");
  tree_gone_ = true;
  if (!result_) {
    result_ = ExitResult{EndKind::kSignaled, SIGKILL};
    callbacks_.on_exited();
  }
  callbacks_.on_tree_gone();
}

}  // namespace ptyd
