// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/scrollback_packer.hpp"

namespace ptyd {
namespace {

constexpr std::chrono::milliseconds kPause{200};
// As much in that time is too much to be packed and, when it is overwritten, unpacked.
constexpr std::uint64_t kBusy = 128 * 1024;
// In one turn of the loop: under a millisecond.
constexpr int kSegmentsAtOnce = 4;

}  // namespace

ScrollbackPacker::ScrollbackPacker(EventLoop& loop, Scrollback& scrollback)
    : scrollback_(scrollback), timer_(loop, [this] { on_timer(); }) {}

void ScrollbackPacker::on_used() {
  if (timer_.active()) return;
  head_seen_ = scrollback_.head();
  timer_.start(kPause);
}

void ScrollbackPacker::on_timer() {
  if (scrollback_.head() - head_seen_ >= kBusy) return on_used();
  for (int i = 0; i < kSegmentsAtOnce; ++i)
    if (!scrollback_.pack_segment()) return;
  head_seen_ = scrollback_.head();
  timer_.start(Clock::duration::zero());
}

}  // namespace ptyd
