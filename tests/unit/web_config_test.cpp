// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include <map>
#include <regex>

#include "tests/support/temp_dir.hpp"
#include "web/config.hpp"

namespace ptyd::web {
namespace {

Environment environment(const std::map<std::string, std::string>& variables = {}) {
  return [variables](const std::string& name) {
    const auto it = variables.find(name);
    return it == variables.end() ? nullptr : it->second.c_str();
  };
}

std::string shipped_file() { return test::read_file(PTYD_SOURCE_DIR "/config/ptyd-web.yaml"); }

TEST(WebConfig, TheShippedFileIsValidAndSaysNothingAsItIs) {
  EXPECT_TRUE(
      config_table().parse(shipped_file(), "ptyd-web.yaml", environment()).problems.empty());
}

TEST(WebConfig, TheShippedFileShowsEveryKeyWithItsDefault) {
  const auto text = std::regex_replace(shipped_file(), std::regex("\n  #([a-z_]+:)"), "\n  $1");
  const auto result = config_table().parse(text, "ptyd-web.yaml", environment());
  ASSERT_TRUE(result.problems.empty()) << result.problems.front();
  for (const auto& entry : config_table().entries()) {
    const std::string key = entry.name;
    EXPECT_EQ(entry.get(result.config), entry.get(Config{})) << key;
    const auto name = key.substr(key.find('.') + 1);
    EXPECT_NE(text.find("\n  " + name + ": "), std::string::npos) << key << " is not in the file";
  }
}

TEST(WebConfig, VariablesWin) {
  const auto result = config_table().parse(
      "site:\n  url: https://a.example\n", "ptyd-web.yaml",
      environment({{"PTYD_WEB_SITE_URL", "https://b.example/x/"},
                   {"PTYD_WEB_SITE_ORIGINS", "http://localhost:7681, http://[::1]:1"}}));
  EXPECT_TRUE(result.problems.empty());
  EXPECT_EQ(result.config.site.url, "https://b.example/x");
  EXPECT_EQ(result.config.site.origins,
            (std::vector<std::string>{"http://localhost:7681", "http://[::1]:1"}));
}

TEST(WebConfig, AMistakeIsToldWithItsLine) {
  const auto result =
      config_table().parse("site:\n  url: ftp://x\n", "ptyd-web.yaml", environment());
  ASSERT_EQ(result.problems.size(), 1U);
  EXPECT_TRUE(result.problems[0].starts_with("ptyd-web.yaml:2: site.url: expected a URL"))
      << result.problems[0];
}

TEST(WebConfig, AnOriginIsWhatABrowserCallsOne) {
  for (const char* good : {"http://a", "https://a.example", "https://a.example:8443",
                           "http://127.0.0.1:7681", "http://[::1]", "http://[::1]:80808"})
    EXPECT_EQ(origin_problem(good).empty(), std::string(good) != "http://[::1]:80808") << good;
  for (const char* bad :
       {"",           "a",          "a.example",  "http://",     "http://:80",    "http:///",
        "http://a/",  "http://a/b", "HTTP://a",   "http://A",    "ws://a",        "http://a b",
        "http://a:0", "http://a:",  "http://a:x", "http://a:80", "https://a:443", "http://u@a",
        "http://*",   "null"})
    EXPECT_FALSE(origin_problem(bad).empty()) << bad;
}

TEST(WebConfig, AUsersOwnFileIsReadBeforeTheMachines) {
  EXPECT_EQ(find_config(environment({{"PTYD_WEB_CONFIG", "/x"}, {"HOME", "/y"}})), "/x");
  EXPECT_EQ(find_config(environment({{"HOME", "/nowhere"}})), "/etc/ptyd/ptyd-web.yaml");
}

}  // namespace
}  // namespace ptyd::web
