// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/managers.hpp"

namespace ptyd::bench {

// One figure of the table. A round of it takes one value from a manager; nothing where the manager
// has no such thing.
struct Measure {
  std::string name;
  std::string unit;
  std::function<std::optional<double>(const Manager&)> round;
};

// `scale` (1 by default) makes rounds shorter or longer.
std::vector<Measure> measures(double scale);

}  // namespace ptyd::bench
