// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "common/event_loop.hpp"
#include "common/wire.hpp"

namespace ptyd {

// Finds ^] pressed three times within a second in what is typed. The first two are held back, and
// passed on unchanged when no third comes in time or another key does: nothing typed is lost.
//
// Programs may switch the terminal to a keyboard protocol in which ^] is an escape sequence (CSI u
// and modifyOtherKeys); those count as well, when they come in one piece.
class DetachKeys {
 public:
  static constexpr auto kWindow = std::chrono::seconds(1);  // from the first to the third

  struct Result {
    Bytes pass_on;
    bool detach = false;  // what came after the third is dropped
  };
  Result feed(std::span<const std::uint8_t> typed, Clock::time_point now);
  // When to call expire(); nothing while no key is held.
  [[nodiscard]] std::optional<Clock::time_point> deadline() const;
  // The held keys, which nobody will complete any more.
  Bytes expire();

 private:
  Bytes held_;
  int presses_ = 0;
  Clock::time_point first_press_;
};

}  // namespace ptyd
