// SPDX-License-Identifier: LGPL-2.1-or-later
// `ptyctl capture` in its ways, of sessions that live and that have ended.
#include <gtest/gtest.h>

#include <string>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

// More lines than the screen has, one that is longer than the screen is wide, and colour.
constexpr char kScript[] =
    "seq 1 30; printf 'long%0100d\\n' 0; printf '\\033[31mred\\033[m end'; read x";

std::string capture(Daemon& daemon, Arguments options) {
  options.insert(options.begin(), {"capture", "job"});
  const auto result = daemon.ptyctl(options);
  EXPECT_EQ(result.status, 0) << result;
  return result.out;
}

void expect_captures(Daemon& daemon) {
  const auto screen = capture(daemon, {"--screen"});
  EXPECT_EQ(screen.find("10\n11\n"), 0U) << screen;  // 24 rows: 21 numbers, two halves, the end
  EXPECT_NE(screen.find("0\n00000000000000000000"), std::string::npos) << screen;
  EXPECT_TRUE(screen.ends_with("\nred end\n")) << screen;
  EXPECT_EQ(capture(daemon, {"--screen", "--lines", "1"}), "red end\n");
  EXPECT_EQ(capture(daemon, {"--screen", "--colour", "--lines", "1"}),
            "\x1b[0;31mred\x1b[0m end\n");
  const auto text = capture(daemon, {"--text"});
  EXPECT_EQ(text.find("1\n2\n3\n"), 0U) << text;
  EXPECT_TRUE(text.ends_with("\nred end\n")) << text;
  EXPECT_EQ(capture(daemon, {"--text", "--lines", "1"}), "red end\n");
  EXPECT_NE(capture(daemon, {}).find("30\r\n"), std::string::npos);
}

TEST(Capture, GivesTheScreenOrTheTextOrTheBytes) {
  Daemon daemon;
  auto client = daemon.connect();
  create(client, "job", {"bash", "-c", kScript});
  ASSERT_TRUE(wait_printed(client, "job", " end"));
  expect_captures(daemon);
  ASSERT_TRUE(client.request("send", {{"session", "job"}}, "\n").answered);
  client.request("wait", {{"session", "job"}});
  const auto screen = capture(daemon, {"--screen"});
  EXPECT_NE(screen.find("\nred end\n"), std::string::npos) << screen;
}

TEST(Capture, OfColourWithoutAScreenIsAUsageError) {
  Daemon daemon;
  const auto result = daemon.ptyctl({"capture", "job", "--colour"});
  EXPECT_EQ(result.status, 2) << result;
  EXPECT_NE(result.err.find("--screen"), std::string::npos) << result;
}

}  // namespace
}  // namespace ptyd::test
