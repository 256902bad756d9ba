// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/session_name.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace ptyd {
namespace {

TEST(SessionName, AcceptsTheDocumentedCharacters) {
  for (const char* name : {"a", "minecraft", "Build_2.0-rc1", "0", ".hidden", "_", "a-"})
    EXPECT_EQ(session_name_problem(name), "") << name;
  EXPECT_EQ(session_name_problem(std::string(kMaxSessionName, 'x')), "");
}

TEST(SessionName, RefusesAllElseAndSaysWhy) {
  EXPECT_NE(session_name_problem("").find("empty"), std::string::npos);
  EXPECT_NE(session_name_problem(std::string(65, 'x')).find("65"), std::string::npos);
  for (const char* name : {".", "..", "-a", "a/b", "a b", "ä", "a\n", "0123456789abcdef"})
    EXPECT_NE(session_name_problem(name), "") << name;
  EXPECT_NE(session_name_problem(std::string_view("a\0b", 3)), "");
}

TEST(SessionName, ItsProblemsArePrintable) {
  const auto problem = session_name_problem("\x1b[31m\n");
  EXPECT_EQ(problem.find('\x1b'), std::string::npos);
  EXPECT_EQ(problem.find('\n'), std::string::npos);
}

TEST(SessionId, IsNoSessionName) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto id = new_session_id();
    EXPECT_TRUE(is_session_id(id)) << id;
    EXPECT_NE(session_name_problem(id), "");
    EXPECT_TRUE(seen.insert(id).second);
  }
  for (const char* text : {"", "0123456789abcde", "0123456789abcdeF", "0123456789abcdef0"})
    EXPECT_FALSE(is_session_id(text)) << text;
}

TEST(Uuid, HasVersion4AndVariant1) {
  const auto uuid = new_uuid();
  ASSERT_EQ(uuid.size(), 36U);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) EXPECT_EQ(uuid[at], '-');
  EXPECT_EQ(uuid[14], '4');
  EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos);
  EXPECT_NE(uuid, new_uuid());
}

}  // namespace
}  // namespace ptyd
