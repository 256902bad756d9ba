// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/screen_follower.hpp"

#include <algorithm>
#include <utility>

namespace ptyd {
namespace {

// Followed so long after output came, if it is not a flood.
constexpr std::chrono::milliseconds kQuiet{50};
// As much in that time is a flood: 5 MB/s.
constexpr std::uint64_t kFlood = 256 * 1024;
// Followed in one turn of the loop: takes 2 ms at most.
constexpr std::uint64_t kSlice = 256 * 1024;
// Output that is not followed yet: bounds how long screen() takes, however large the scrollback is.
constexpr std::uint64_t kMaxBehind = 1024 * 1024;
// Skipped at once, so that it need not be done for each piece of output.
constexpr std::uint64_t kSkip = 128 * 1024;

}  // namespace

ScreenFollower::ScreenFollower(EventLoop& loop, const Scrollback& scrollback, TerminalSize size)
    : scrollback_(scrollback), screen_(size), quiet_timer_(loop, [this] { on_quiet(); }) {}

void ScreenFollower::before_output() {
  const auto end = scrollback_.head() + kMaxOutputRead;
  const auto oldest = end - std::min({end, scrollback_.capacity(), kMaxBehind});
  if (position_ >= oldest) return;
  const auto until = std::min(oldest + kSkip, scrollback_.head());
  // What came before a flood may stand for long, where it does not scroll.
  if (!std::exchange(behind_, true)) return follow(until);
  screen_.skip(scrollback_.view(position_, static_cast<std::size_t>(until - position_)));
  position_ = until;
}

void ScreenFollower::on_output() {
  if (quiet_timer_.active()) return;
  head_seen_ = scrollback_.head();
  quiet_timer_.start(kQuiet);
}

void ScreenFollower::on_quiet() {
  const auto head = scrollback_.head();
  if (head - head_seen_ >= kFlood) return on_output();
  follow(std::min(head, position_ + kSlice));
  head_seen_ = head;
  if (position_ < head) quiet_timer_.start(Clock::duration::zero());
}

void ScreenFollower::follow(std::uint64_t until) {
  screen_.feed(scrollback_.view(position_, static_cast<std::size_t>(until - position_)));
  position_ = until;
  if (position_ == scrollback_.head()) behind_ = false;
}

void ScreenFollower::resize(TerminalSize size) {
  follow(scrollback_.head());
  screen_.resize(size);
}

const Screen& ScreenFollower::screen() {
  follow(scrollback_.head());
  return screen_;
}

}  // namespace ptyd
