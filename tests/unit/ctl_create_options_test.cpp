// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/create_options.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "common/session_name.hpp"

namespace ptyd {
namespace {

TEST(TerminalSizeText, IsRowsThenColumns) {
  EXPECT_EQ(parse_terminal_size("24x80"), (TerminalSize{24, 80}));
  EXPECT_EQ(parse_terminal_size("1x2000"), (TerminalSize{1, 2000}));
  for (const char* text : {"", "24", "24x", "x80", "24X80", "24x80x", " 24x80", "24x 80", "-1x80",
                           "0x80", "24x0", "24x2001", "99999x80", "24x80 "})
    EXPECT_EQ(parse_terminal_size(text), std::nullopt) << text;
}

TEST(CreateOptions, ProblemsNameTheTextAndWhatWouldBeRight) {
  EXPECT_EQ(size_problem("50x132"), "");
  EXPECT_NE(size_problem("big").find("'big'"), std::string::npos);
  EXPECT_NE(size_problem("big").find("24x80"), std::string::npos);
  EXPECT_EQ(stop_timeout_problem("5s"), "");
  EXPECT_NE(stop_timeout_problem("0"), "");
  EXPECT_NE(stop_timeout_problem("soon"), "");
  EXPECT_NE(stop_timeout_problem("99999d"), "");
  EXPECT_EQ(scrollback_problem("1MiB"), "");
  EXPECT_NE(scrollback_problem("1"), "");
  EXPECT_NE(scrollback_problem("1TiB"), "");
  EXPECT_EQ(stop_input_problem("stop\\n"), "");
  EXPECT_NE(stop_input_problem("st\\op"), "");
  EXPECT_NE(stop_input_problem("\\xff"), "");
}

TEST(CreateOptions, EnvironmentIsANameWithOrWithoutAValue) {
  ASSERT_EQ(::setenv("PTYD_TEST_SET", "1", 1), 0);
  ASSERT_EQ(::unsetenv("PTYD_TEST_UNSET"), 0);
  for (const char* text : {"A=1", "_x=", "A=b=c", "PTYD_TEST_SET"})
    EXPECT_EQ(environment_problem(text), "") << text;
  for (const char* text : {"", "=1", "1A=1", "A B=1", "a-b", "PTYD_TEST_UNSET", "A=\xff"})
    EXPECT_NE(environment_problem(text), "") << text;
}

TEST(CreateOptions, ParamsAreOnlyWhatWasSaid) {
  const auto params = create_params({}, std::nullopt);
  for (const char* key : {"name", "command", "rows", "columns", "stopInput", "stopTimeoutMs",
                          "scrollbackBytes", "queue"})
    EXPECT_FALSE(params.contains(key)) << key;
  EXPECT_EQ(params.at("cwd"), std::filesystem::current_path().string());
}

TEST(CreateOptions, ParamsAreInTheUnitsOfTheProtocol) {
  ASSERT_EQ(::setenv("PTYD_TEST_SET", "here", 1), 0);
  ASSERT_EQ(::setenv("LC_TIME", "C", 1), 0);
  CreateOptions options;
  options.name = "web";
  options.size = "50x132";
  options.cwd = "/tmp/../srv";
  options.environment = {"A=1=2", "PTYD_TEST_SET"};
  options.stop_input = "stop\\t";
  options.stop_timeout = "1min 30s";
  options.scrollback = "2MiB";
  options.queue = true;
  options.command = {"sh", "-c", "true"};
  const auto params = create_params(options, TerminalSize{24, 80});
  EXPECT_EQ(params.at("name"), "web");
  EXPECT_EQ(params.at("command"), Json({"sh", "-c", "true"}));
  EXPECT_EQ(params.at("cwd"), "/srv");
  EXPECT_EQ(params.at("rows"), 50);
  EXPECT_EQ(params.at("columns"), 132);
  EXPECT_EQ(params.at("environment").at("A"), "1=2");
  EXPECT_EQ(params.at("environment").at("PTYD_TEST_SET"), "here");
  EXPECT_EQ(params.at("environment").at("LC_TIME"), "C");
  EXPECT_EQ(params.at("stopInput"), "stop\t\n");
  EXPECT_EQ(params.at("stopTimeoutMs"), 90'000);
  EXPECT_EQ(params.at("scrollbackBytes"), 2 * 1024 * 1024);
  EXPECT_EQ(params.at("queue"), true);
}

TEST(CreateOptions, TheTerminalsSizeIsTheFallback) {
  EXPECT_EQ(create_params({}, TerminalSize{10, 20}).at("rows"), 10);
}

TEST(CreateOptions, RefusesCommandsThatCannotBeSent) {
  CreateOptions options;
  options.command = {"echo", "\xff"};
  EXPECT_NE(command_problem(options), "");
  options.command = {"echo", std::string(kMaxCommandBytes, 'x')};
  EXPECT_NE(command_problem(options), "");
  options.command = {"echo", "grün"};
  EXPECT_EQ(command_problem(options), "");
}

TEST(CreateOptions, ARunHasAllThatTheHostNeeds) {
  ASSERT_EQ(::setenv("TERM", "not/a terminal", 1), 0);
  ASSERT_EQ(::setenv("PTYD_TEST_SET", "1", 1), 0);
  CreateOptions options;
  options.name = "console";
  options.command = {"java", "-jar", "server.jar"};
  const auto plain = run_spec(options);
  EXPECT_TRUE(is_session_id(plain.id));
  EXPECT_EQ(plain.name, "console");
  EXPECT_EQ(plain.command, options.command);
  EXPECT_TRUE(plain.environment.empty());
  EXPECT_EQ(plain.cwd, std::filesystem::current_path().string());
  EXPECT_EQ(plain.term, "xterm-256color");
  EXPECT_EQ(plain.rows, 24);
  EXPECT_EQ(plain.columns, 80);
  EXPECT_GT(plain.scrollback, 0U);
  EXPECT_EQ(plain.stop_timeout_ms, 5000U);
  EXPECT_EQ(plain.stop_input, "");
  EXPECT_EQ(run_spec_problem(plain), "");
  ASSERT_EQ(::setenv("TERM", "linux", 1), 0);
  options.environment = {"A=1", "PTYD_TEST_SET", "A=2"};
  options.stop_input = "stop";
  options.stop_timeout = "2min";
  options.scrollback = "64KiB";
  options.size = "50x132";
  const auto full = run_spec(options);
  EXPECT_NE(full.id, plain.id);
  EXPECT_EQ(full.environment, (std::vector<std::string>{"A=2", "PTYD_TEST_SET=1"}));
  EXPECT_EQ(full.term, "linux");
  EXPECT_EQ(full.stop_input, "stop\n");
  EXPECT_EQ(full.stop_timeout_ms, 120'000U);
  EXPECT_EQ(full.scrollback, 64U * 1024);
  EXPECT_EQ(full.rows, 50);
  auto large = full;
  large.environment.assign(2000, std::string(30, 'x'));
  EXPECT_NE(run_spec_problem(large), "");
  large = full;
  large.stop_input.assign(2000, 'x');
  EXPECT_NE(run_spec_problem(large), "");
}

}  // namespace
}  // namespace ptyd
