// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "dbus/bus_values.hpp"
#include "dbus/options.hpp"

namespace ptyd {
namespace {

TEST(BusValues, ErrorsAreNamedAfterTheirCodes) {
  EXPECT_EQ(bus_error({ErrorCode::kNotFound, "no session"}).getName(), "org.ptyd1.Error.NotFound");
  EXPECT_EQ(bus_error({ErrorCode::kShuttingDown, ""}).getName(), "org.ptyd1.Error.ShuttingDown");
  EXPECT_EQ(bus_error({ErrorCode::kLimit, "too many"}).getMessage(), "too many");
}

TEST(BusValues, TextIsWhatABusTakes) {
  EXPECT_EQ(bus_text("naïve\n"), "naïve\n");
  EXPECT_EQ(bus_text("\xff"), "\\xff");
  EXPECT_EQ(bus_text(std::string("a\0b", 3)), "a\\x00b");
}

TEST(BusValues, NoTimeIsZero) {
  EXPECT_EQ(bus_time(std::nullopt), 0U);
  EXPECT_EQ(bus_time(from_us(-1)), 0U);
  EXPECT_EQ(bus_time(from_us(1'000'001)), 1'000'001U);
}

TEST(BusOptions, EachHasItsTypeAndNoOther) {
  const VariantMap values{{"rows", sdbus::Variant(std::uint16_t{24})},
                          {"columns", sdbus::Variant(std::uint32_t{80})}};
  Options options(values);
  EXPECT_EQ(options.u16("rows"), std::uint16_t{24});
  EXPECT_EQ(options.u16("columns"), std::nullopt);
  const auto status = options.finish();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "'columns' must be a 16-bit number (q)");
}

TEST(BusOptions, WhatNobodyAskedForIsAnError) {
  const VariantMap values{{"exit", sdbus::Variant(true)}, {"exti", sdbus::Variant(true)}};
  Options options(values);
  EXPECT_TRUE(options.flag("exit"));
  const auto status = options.finish();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "unknown parameter 'exti'");
}

TEST(BusOptions, WhatIsAbsentHasADefault) {
  const VariantMap values;
  Options options(values);
  EXPECT_EQ(options.text("name"), "");
  EXPECT_FALSE(options.flag("queue"));
  EXPECT_EQ(options.u32("stopTimeoutMs"), std::nullopt);
  EXPECT_TRUE(options.texts("command").empty());
  EXPECT_TRUE(options.finish());
}

TEST(BusOptions, AnEnvironmentBecomesAssignments) {
  const VariantMap values{
      {"environment", sdbus::Variant(std::map<std::string, std::string>{{"A", "1"}, {"B", "2"}})}};
  Options options(values);
  EXPECT_EQ(options.assignments("environment"), (std::vector<std::string>{"A=1", "B=2"}));
}

}  // namespace
}  // namespace ptyd
