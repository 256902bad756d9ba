// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "common/event_loop.hpp"
#include "common/scrollback/scrollback.hpp"

namespace ptyd {

// Packs the scrollback of a session that prints nothing, or little: text takes a fraction of the
// memory then, and a flood is not slowed down.
class ScrollbackPacker {
 public:
  // The scrollback must outlive it.
  ScrollbackPacker(EventLoop& loop, Scrollback& scrollback);

  // Output has come, or some was looked at, which unpacks it.
  void on_used();

 private:
  void on_timer();

  Scrollback& scrollback_;
  std::uint64_t head_seen_ = 0;  // when the timer was started
  Timer timer_;
};

}  // namespace ptyd
