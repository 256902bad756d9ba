// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "ctl/table.hpp"

namespace ptyd {
namespace {

TEST(DisplayWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(display_width(""), 0U);
  EXPECT_EQ(display_width("bash"), 4U);
  EXPECT_EQ(display_width("größe"), 5U);
  EXPECT_EQ(display_width("日本"), 4U);
  EXPECT_EQ(display_width("e\u0301"), 1U);
  EXPECT_EQ(display_width("\xff\xfe"), 2U);
}

TEST(Ellipsized, CutsAtTheWidthInColumns) {
  EXPECT_EQ(ellipsized("bash", 4), "bash");
  EXPECT_EQ(ellipsized("bash -l", 4), "bas…");
  EXPECT_EQ(ellipsized("größer", 4), "grö…");
  EXPECT_EQ(ellipsized("日本語", 4), "日…");
  EXPECT_EQ(ellipsized("bash", 1), "…");
  EXPECT_EQ(ellipsized("bash", 0), "");
}

TEST(Table, AlignsItsColumns) {
  Table table({"NAME", "STATE", "COMMAND"});
  table.add_row({"größe", "active", "bash -l"});
  table.add_row({"x", "stopped", "sh"}, Style::kDim, 1);
  EXPECT_EQ(table.layout(0),
            "NAME   STATE    COMMAND\n"
            "größe  active   bash -l\n"
            "x      stopped  sh\n");
}

TEST(Table, ShortensTheLastColumnToTheWidth) {
  Table table({"NAME", "COMMAND"});
  table.add_row({"a", "0123456789abcdef"});
  EXPECT_EQ(table.layout(16), "NAME  COMMAND\na     012345678…\n");
  EXPECT_EQ(table.layout(22), "NAME  COMMAND\na     0123456789abcdef\n");
}

TEST(Table, KeepsSomethingOfTheLastColumnInANarrowTerminal) {
  Table table({"NAME", "COMMAND"});
  table.add_row({"a-long-name", "0123456789"});
  EXPECT_EQ(table.layout(5), "NAME         COMMAND\na-long-name  0123456…\n");
}

TEST(Table, MakesCellsPrintable) {
  Table table({"A", "B"});
  table.add_row({"\x1b[31m", "x\ny"});
  EXPECT_EQ(table.layout(0), "A         B\n\\x1b[31m  x\\x0ay\n");
}

}  // namespace
}  // namespace ptyd
