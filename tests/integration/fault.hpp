// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gtest/gtest.h>

#include <iostream>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/tracer.hpp"

namespace ptyd::test {

// What the kernel refuses, once a run, at each call in turn.
struct Fault {
  std::string calls;  // as strace(1) has them: "clone,clone3"
  std::string error;
  std::vector<std::string> paths{};  // on these files alone, if any are given
};

inline void PrintTo(const Fault& fault, std::ostream* out) {
  *out << fault.calls << " " << fault.error;
}

// As the suffix of a test's name.
inline std::string name_of(const testing::TestParamInfo<Fault>& fault) {
  const auto& calls = fault.param.calls;
  return calls.substr(0, calls.find(',')) + "_" + fault.param.error;
}

inline Injection injection_of(const Fault& fault, int number) {
  return {fault.calls, "error=" + fault.error, std::to_string(number), fault.paths};
}

// Does a round with each call in turn, until in one there was none to be hit, and prints how many
// there were. `round` is given the call's number and says whether it was hit.
template <typename Round>
void at_each_call(const Fault& fault, Round round) {
  // More than there are in any round, so that a test that does not end is noticed.
  constexpr int kMaxCalls = 300;
  int number = 1;
  for (bool hit = true; hit && number < kMaxCalls && !testing::Test::HasFailure();) {
    SCOPED_TRACE(fault.calls + " " + std::to_string(number));
    hit = round(number);
    if (hit) ++number;
  }
  EXPECT_LT(number, kMaxCalls);
  std::cout << fault.error << " at " << number - 1 << " calls of " << fault.calls << "\n";
}

}  // namespace ptyd::test
