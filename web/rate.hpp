// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>

#include "common/event_loop.hpp"

namespace ptyd::web {

// A bucket of tokens: so many at once, and so many a second after that.
class Rate {
 public:
  Rate(double burst, double per_second)
      : burst_(burst), per_second_(per_second), tokens_(burst), at_(Clock::now()) {}

  // False when there is none left.
  bool take() {
    const auto now = Clock::now();
    const std::chrono::duration<double> passed = now - at_;
    at_ = now;
    tokens_ = std::min(burst_, tokens_ + passed.count() * per_second_);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double burst_;
  double per_second_;
  double tokens_;
  Clock::time_point at_;
};

}  // namespace ptyd::web
