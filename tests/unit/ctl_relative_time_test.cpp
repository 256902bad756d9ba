// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/relative_time.hpp"

#include <gtest/gtest.h>

namespace ptyd {
namespace {

using namespace std::chrono_literals;

TEST(Elapsed, NamesAtMostTwoUnits) {
  EXPECT_EQ(elapsed(0s), "0s");
  EXPECT_EQ(elapsed(59s), "59s");
  EXPECT_EQ(elapsed(60s), "1min");
  EXPECT_EQ(elapsed(90s), "1min 30s");
  EXPECT_EQ(elapsed(1h + 5min + 7s), "1h 5min");
  EXPECT_EQ(elapsed(1h + 7s), "1h");
  EXPECT_EQ(elapsed(24h), "1 day");
  EXPECT_EQ(elapsed(50h), "2 days 2h");
  EXPECT_EQ(elapsed(24h * 15), "2 weeks 1 day");
  EXPECT_EQ(elapsed(24h * 365 * 3), "2 years 11 months");
}

TEST(RelativeTime, IsWordedLikeSystemctl) {
  const WallTime now(1'000'000s);
  EXPECT_EQ(relative_time(now - 2min, now), "2min ago");
  EXPECT_EQ(relative_time(now - 999ms, now), "now");
  EXPECT_EQ(relative_time(now + 1h, now), "now");
}

}  // namespace
}  // namespace ptyd
