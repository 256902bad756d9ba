// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/wire.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace ptyd {
namespace {

TEST(Wire, IsLittleEndianWithCountedTexts) {
  const auto bytes = WireWriter().u8(1).u16(0x0203).u32(0x04050607).text("ab").texts({"c"}).take();
  EXPECT_EQ(bytes, (Bytes{1, 3, 2, 7, 6, 5, 4, 2, 0, 0, 0, 'a', 'b', 1, 0, 0, 0, 1, 0, 0, 0, 'c'}));
}

TEST(Wire, BringsValuesBack) {
  constexpr auto kMin64 = std::numeric_limits<std::int64_t>::min();
  constexpr auto kMax64 = std::numeric_limits<std::uint64_t>::max();
  const std::string binary("\0\xff\n", 3);
  const auto bytes = WireWriter()
                         .u8(255)
                         .u16(65535)
                         .u32(0xffffffff)
                         .u64(kMax64)
                         .i32(-1)
                         .i64(kMin64)
                         .text(binary)
                         .texts({"", "x"})
                         .raw(as_bytes("rest"))
                         .take();
  WireReader in(bytes);
  EXPECT_EQ(in.u8(), 255);
  EXPECT_EQ(in.u16(), 65535);
  EXPECT_EQ(in.u32(), 0xffffffff);
  EXPECT_EQ(in.u64(), kMax64);
  EXPECT_EQ(in.i32(), -1);
  EXPECT_EQ(in.i64(), kMin64);
  EXPECT_EQ(in.text(), binary);
  EXPECT_EQ(in.texts(), (std::vector<std::string>{"", "x"}));
  EXPECT_EQ(as_text(in.remaining()), "rest");
  EXPECT_TRUE(in.ok());
}

TEST(WireReader, GivesDefaultsForFieldsThatAreNotThere) {
  WireReader in({});
  EXPECT_EQ(in.u8(7), 7);
  EXPECT_EQ(in.u16(8), 8);
  EXPECT_EQ(in.u32(9), 9U);
  EXPECT_EQ(in.u64(10), 10U);
  EXPECT_EQ(in.i64(), 0);
  EXPECT_EQ(in.text(), "");
  EXPECT_TRUE(in.texts().empty());
  EXPECT_TRUE(in.ok());
}

TEST(WireReader, RefusesACutField) {
  const Bytes three{1, 2, 3};
  WireReader cut_integer(three);
  EXPECT_EQ(cut_integer.u32(5), 5U);
  EXPECT_FALSE(cut_integer.ok());

  const Bytes short_text{9, 0, 0, 0, 'a'};
  WireReader cut_text(short_text);
  EXPECT_EQ(cut_text.text(), "");
  EXPECT_FALSE(cut_text.ok());
}

TEST(WireReader, DoesNotBelieveHugeCounts) {
  const auto text = WireWriter().u32(0xffffffff).raw(as_bytes("abc")).take();
  WireReader in_text(text);
  EXPECT_EQ(in_text.text(), "");
  EXPECT_FALSE(in_text.ok());

  const auto list = WireWriter().u32(0xffffffff).text("only one").take();
  WireReader in_list(list);
  EXPECT_TRUE(in_list.texts().empty());
  EXPECT_FALSE(in_list.ok());
}

TEST(WireReader, StaysFailed) {
  const Bytes bytes{9, 0, 0, 0, 'a', 1, 2, 3, 4};
  WireReader in(bytes);
  EXPECT_EQ(in.text(), "");
  EXPECT_EQ(in.u8(), 0);
  EXPECT_EQ(in.u32(), 0U);
  EXPECT_FALSE(in.ok());
}

}  // namespace
}  // namespace ptyd
