// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "daemon/config.hpp"
#include "tests/support/temp_dir.hpp"

namespace ptyd {
namespace {

using std::chrono::milliseconds;

Environment environment(std::map<std::string, std::string> variables = {}) {
  auto shared = std::make_shared<std::map<std::string, std::string>>(std::move(variables));
  return [shared](const std::string& name) {
    const auto it = shared->find(name);
    return it == shared->end() ? nullptr : it->second.c_str();
  };
}

std::string only_problem(const std::string& text) {
  const auto result = config_table().parse(text, "ptyd.yaml", environment());
  return result.problems.size() == 1 ? result.problems.front()
                                     : std::to_string(result.problems.size()) + " problems";
}

std::string shipped_file() {
  std::ifstream file(PTYD_SOURCE_DIR "/config/ptyd.yaml");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Config, AnEmptyFileIsTheDefaults) {
  const auto result = config_table().parse("", "ptyd.yaml", environment());
  EXPECT_TRUE(result.problems.empty());
  EXPECT_EQ(result.config.drain.grace, std::chrono::minutes(5));
}

TEST(Config, TheShippedFileIsValidAndSaysNothingAsItIs) {
  const auto result = config_table().parse(shipped_file(), "ptyd.yaml", environment());
  EXPECT_TRUE(result.problems.empty());
}

// Every key stands in the shipped file, commented out, with the value that is the default.
TEST(Config, TheShippedFileShowsEveryKeyWithItsDefault) {
  const auto text = std::regex_replace(shipped_file(), std::regex("\n  #([a-z_]+:)"), "\n  $1");
  const auto result = config_table().parse(text, "ptyd.yaml", environment());
  ASSERT_TRUE(result.problems.empty()) << result.problems.front();
  for (const auto& entry : config_table().entries()) {
    const std::string key = entry.name;
    EXPECT_EQ(entry.get(result.config), entry.get(Config{})) << key;
    const auto name = key.substr(key.find('.') + 1);
    EXPECT_NE(text.find("\n  " + name + ": "), std::string::npos) << key << " is not in the file";
  }
}

TEST(Config, SetsEveryKindOfValue) {
  const auto result = config_table().parse(
      "log: {level: warning, target: stderr}\nlimits:\n  sessions: 7\nsessions:\n"
      "  scrollback: 2MiB\n  stop_timeout: 1min 30s\n",
      "ptyd.yaml", environment());
  ASSERT_TRUE(result.problems.empty()) << result.problems.front();
  EXPECT_EQ(result.config.log.level, spdlog::level::warn);
  EXPECT_EQ(result.config.limits.sessions, 7U);
  EXPECT_EQ(result.config.sessions.scrollback, 2U << 20);
  EXPECT_EQ(result.config.sessions.stop_timeout, milliseconds(90'000));
}

TEST(Config, TheEnvironmentWins) {
  const auto result = config_table().parse("drain:\n  grace: 1min\n", "ptyd.yaml",
                                           environment({{"PTYD_DRAIN_GRACE", "30s"},
                                                        {"PTYD_LIMITS_SESSIONS_PER_USER", "3"},
                                                        {"PTYD_SESSION_ID", "not a key"}}));
  EXPECT_TRUE(result.problems.empty());
  EXPECT_EQ(result.config.drain.grace, milliseconds(30'000));
  EXPECT_EQ(result.config.limits.sessions_per_user, 3U);
}

TEST(Config, ABadVariableIsNamed) {
  const auto result =
      config_table().parse("", "ptyd.yaml", environment({{"PTYD_DRAIN_GRACE", "soon\x1b[2J"}}));
  ASSERT_EQ(result.problems.size(), 1U);
  EXPECT_EQ(result.problems.front(),
            "$PTYD_DRAIN_GRACE: expected a time such as 5s, 250ms or 1min 30s, not 'soon\\x1b[2J'");
}

TEST(Config, MistakesAreNamedWithTheirLine) {
  EXPECT_EQ(only_problem("drain:\n  grase: 5s\n"), "ptyd.yaml:2: unknown key 'drain.grase'");
  EXPECT_EQ(only_problem("\ndrian:\n  grace: 5s\n"), "ptyd.yaml:2: unknown section 'drian'");
  EXPECT_EQ(only_problem("drain: 5s\n"), "ptyd.yaml:1: expected keys below 'drain:'");
  EXPECT_EQ(only_problem("- a\n"), "ptyd.yaml:1: expected sections such as 'log:'");
  EXPECT_EQ(only_problem("drain:\n  grace: [1, 2]\n"),
            "ptyd.yaml:2: drain.grace: expected a single value");
  EXPECT_EQ(only_problem("limits:\n  sessions: many\n"),
            "ptyd.yaml:2: limits.sessions: expected a number from 1 to 100000, not 'many'");
  EXPECT_EQ(only_problem("limits:\n  sessions: 0\n"),
            "ptyd.yaml:2: limits.sessions: expected a number from 1 to 100000, not '0'");
  EXPECT_EQ(only_problem("sessions:\n  scrollback: 1KiB\n"),
            "ptyd.yaml:2: sessions.scrollback: expected a size from 64KiB to 1GiB, not '1KiB'");
  EXPECT_EQ(only_problem("log:\n  level: loud\n"),
            "ptyd.yaml:2: log.level: expected one of debug, info, warning, error, not 'loud'");
  EXPECT_EQ(only_problem("drain:\n  grace: 5s\n  grace: 6s\n"),
            "ptyd.yaml:3: drain.grace is there twice");
  EXPECT_EQ(only_problem("sessions:\n  program: ptyd-session\n"),
            "ptyd.yaml:2: sessions.program: expected an absolute path, not 'ptyd-session'");
}

TEST(Config, BrokenYamlIsOneProblemWithItsLine) {
  EXPECT_TRUE(only_problem("drain:\n  grace: 'open\n").starts_with("ptyd.yaml:"));
  EXPECT_NE(only_problem("drain: [\n").find("no valid YAML"), std::string::npos);
  EXPECT_NE(only_problem("\tdrain:\n").find("no valid YAML"), std::string::npos);
}

TEST(Config, EveryMistakeIsReported) {
  const auto result =
      config_table().parse("drain:\n  grace: x\nstore:\n  keep: y\n", "ptyd.yaml", environment());
  EXPECT_EQ(result.problems.size(), 2U);
}

TEST(Config, FilesThatCannotBeRead) {
  const test::TempDir folder;
  const auto missing = folder / "missing.yaml";
  EXPECT_TRUE(config_table().load(missing, false, environment()).problems.empty());
  EXPECT_EQ(config_table().load(missing, true, environment()).problems,
            std::vector<std::string>{missing + ": cannot be read: No such file or directory"});
  std::ofstream(folder / "large.yaml") << std::string(1 << 20, '#');
  EXPECT_EQ(config_table().load(folder / "large.yaml", true, environment()).problems.size(), 1U);
  EXPECT_EQ(config_table().load(folder / ".", true, environment()).problems.size(), 1U);
}

}  // namespace
}  // namespace ptyd
