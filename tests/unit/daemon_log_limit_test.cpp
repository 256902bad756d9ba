// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "daemon/log_limit.hpp"

namespace ptyd {
namespace {

// Whoever registered ten thousand times as a session host wrote ten thousand lines into the
// journal.
TEST(LogLimit, LetsABurstPassAndThenSaysWhatItLeftOut) {
  LogLimit limit;
  const auto start = Clock::now();
  for (std::uint64_t i = 0; i < LogLimit::kBurst; ++i) EXPECT_EQ(limit.pass("line", start), "line");
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(limit.pass("line", start), "");
  EXPECT_EQ(limit.pass("next", start + LogLimit::kInterval), "next (and 10000 such lines before)");
  EXPECT_EQ(limit.pass("next", start + LogLimit::kInterval), "next");
  EXPECT_EQ(limit.pass("later", start + 3 * LogLimit::kInterval), "later");
}

}  // namespace
}  // namespace ptyd
