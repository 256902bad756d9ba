// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/activity.hpp"

namespace ptyd {

Activity::Activity(EventLoop& loop, std::chrono::milliseconds idle_after,
                   std::function<void()> on_change)
    : idle_after_(idle_after),
      on_change_(std::move(on_change)),
      timer_(loop, [this] { on_timer(); }) {}

void Activity::note() {
  last_ = Clock::now();
  if (timer_.active() || idle_after_ == Clock::duration::zero()) return;
  timer_.start(idle_after_);
  if (!idle_) return;
  idle_ = false;
  on_change_();
}

void Activity::on_timer() {
  // Moving the timer with each byte would cost more than looking again when it fires.
  const auto quiet = Clock::now() - last_;
  if (quiet < idle_after_) return timer_.start(idle_after_ - quiet);
  idle_ = true;
  on_change_();
}

}  // namespace ptyd
