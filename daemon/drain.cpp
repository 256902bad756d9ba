// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/drain.hpp"

#include <algorithm>
#include <utility>

#include "common/service/log.hpp"
#include "common/text.hpp"

namespace ptyd {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

Drain::Drain(EventLoop& loop, SessionManager& sessions, Callbacks callbacks)
    : loop_(loop),
      sessions_(sessions),
      callbacks_(std::move(callbacks)),
      alive_(std::make_shared<bool>(true)),
      grace_over_(loop, [this] { on_grace_over(); }),
      report_(loop, [this] { report(); }) {}

Drain::~Drain() { *alive_ = false; }

void Drain::begin(const DrainOptions& options, milliseconds grace) {
  options_ = options;
  grace_ = grace;
  active_ = true;
  extended_ = abandoned_ = done_ = false;
  total_ = left_ = sessions_.registry().ending_with_daemon();
  grace_over_.start(grace_);
  sessions_.end_with_daemon(SessionManager::Ending::kOnDrain);
  report_later();
}

void Drain::cancel() {
  active_ = false;
  grace_over_.stop();
  report_.stop();
}

void Drain::on_session_changed(const Session& session) {
  if (!active_) return;
  // One that was being started when the drain began.
  if (session.running() && session.spec.terminate_on_drain != 0 && !session.supervised)
    sessions_.end_with_daemon(session.id());
  if (sessions_.registry().ending_with_daemon() != left_) report_later();
}

DrainProgress Drain::progress() const {
  DrainProgress progress{sessions_.registry().ending_with_daemon(), total_, milliseconds(0),
                         ending()};
  if (has_deadline())
    progress.remaining = std::max(
        milliseconds(0), duration_cast<milliseconds>(grace_over_.deadline() - Clock::now()));
  return progress;
}

// From the loop, so that who begins a drain has its answer first, and who reports a session's end
// is done with it.
void Drain::report_later() {
  if (std::exchange(reporting_, true)) return;
  loop_.post([this, alive = alive_] {
    if (!*alive) return;
    reporting_ = false;
    report();
  });
}

void Drain::report() {
  if (!active_ || done_) return;
  const auto now = progress();
  left_ = now.sessions;
  done_ = left_ == 0;
  report_.start(kReportEvery);
  callbacks_.progress(now);
  if (!done_) return;
  grace_over_.stop();
  report_.stop();
  log::info(abandoned_ ? "Drained; some sessions had to be ended"
                       : "Drained; all sessions have ended by themselves",
            {}, log::Event::kDrainEnded);
  callbacks_.done();
}

void Drain::on_grace_over() {
  if (!active_ || done_) return;
  if (!std::exchange(extended_, true)) {
    log::warn("Drain: " + plural(sessions_.registry().ending_with_daemon(), "session") +
                  " left after the grace time; extending it once by " + format_duration(grace_),
              {}, log::Event::kDrainExtended);
    grace_over_.start(grace_);
    return report();
  }
  abandoned_ = true;
  log_abandoned();
  sessions_.end_with_daemon(SessionManager::Ending::kAll);
  report_later();
}

void Drain::log_abandoned() const {
  const auto now = std::chrono::system_clock::now();
  for (const auto& [id, session] : sessions_.registry().all()) {
    if (!session->ends_with_daemon()) continue;
    const auto idle =
        std::max(milliseconds(0), duration_cast<milliseconds>(now - session->last_activity()));
    log::warn("Drain: abandoning session " + session->name() + " of " + session->user + " (" +
                  shell_quoted(session->spec.command) + ", " + plural(session->viewers, "client") +
                  " attached, idle for " + format_duration(idle) + ")",
              {{"PTYD_SESSION_ID", id},
               {"PTYD_IDLE_MS", std::to_string(idle.count())},
               {"PTYD_ATTACHED", std::to_string(session->viewers)}},
              log::Event::kDrainAbandoned);
  }
}

}  // namespace ptyd
