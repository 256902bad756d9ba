// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "web/gate.hpp"
#include "web/http.hpp"
#include "web/terminal_socket.hpp"

namespace ptyd::web {
namespace {

TEST(WebHttp, ATargetHasAPathAndParameters) {
  const Target target(
      "/api/x?rows=24&name=a%20b+c&empty=&bad=%2&rows=7&flag&big=99999999999999999999");
  EXPECT_EQ(target.path, "/api/x");
  EXPECT_EQ(target.number("rows"), 24U) << "the first one counts";
  EXPECT_EQ(target.parameter("name"), "a b c");
  EXPECT_EQ(target.parameter("empty"), "");
  EXPECT_EQ(target.parameter("flag"), "");
  EXPECT_FALSE(target.parameter("bad"));
  EXPECT_FALSE(target.parameter("row"));
  EXPECT_FALSE(target.number("big"));
  EXPECT_FALSE(target.number("name"));
  EXPECT_EQ(Target("").path, "");
  EXPECT_EQ(Target("?").query, "");
}

TEST(WebHttp, ACookieIsFoundByItsWholeName) {
  Request request;
  request.insert(http::field::cookie, "ax=1; a=2;b=3 ;  c");
  request.insert(http::field::cookie, "d=4");
  EXPECT_EQ(cookie(request, "a"), "2");
  EXPECT_EQ(cookie(request, "ax"), "1");
  EXPECT_EQ(cookie(request, "b"), "3");
  EXPECT_EQ(cookie(request, "d"), "4");
  for (const char* absent : {"c", "x", "", "A"}) EXPECT_FALSE(cookie(request, absent)) << absent;
}

TEST(WebGate, ComparesExactly) {
  const Gate gate("https://host.example/below", {"http://[::1]:7681"});
  const auto passes = [&](const char* host, const char* origin) {
    Request request;
    request.set(http::field::host, host);
    if (origin != nullptr) request.set(http::field::origin, origin);
    return gate.problem(request, true) == nullptr;
  };
  EXPECT_TRUE(passes("host.example", "https://host.example"));
  EXPECT_TRUE(passes("[::1]:7681", "http://[::1]:7681"));
  EXPECT_FALSE(passes("host.example", nullptr));
  EXPECT_FALSE(passes("host.example", "http://host.example"));
  EXPECT_FALSE(passes("host.example", "https://host.example:443"));
  EXPECT_FALSE(passes("host.example:443", "https://host.example"));
  EXPECT_FALSE(passes("host.example", "https://host.example/below"));
  EXPECT_FALSE(passes("[::1]", "http://[::1]:7681"));
}

TEST(WebTerminal, TakesTwoKindsOfMessages) {
  const auto parse = [](const std::string& text) {
    std::string problem;
    const auto message = parse_terminal_message(as_bytes(text), problem);
    EXPECT_NE(message.has_value(), !problem.empty()) << text;
    return message;
  };
  EXPECT_EQ(parse(R"({"type":"resize","rows":24,"columns":80})")->resize, (TerminalSize{24, 80}));
  EXPECT_EQ(parse(R"({"type":"drawn","bytes":7})")->drawn, 7U);
  for (const char* bad : {"", "7", "{}", R"({"type":"drawn","bytes":"7"})",
                          R"({"type":"drawn","bytes":-7})", R"({"type":"resize","rows":24})",
                          R"({"type":"resize","rows":2001,"columns":80})", R"({"type":"input"})"})
    EXPECT_FALSE(parse(bad)) << bad;
}

}  // namespace
}  // namespace ptyd::web
