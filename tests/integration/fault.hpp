// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gtest/gtest.h>

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

}  // namespace ptyd::test
