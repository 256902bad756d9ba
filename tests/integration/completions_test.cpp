// SPDX-License-Identifier: LGPL-2.1-or-later
// What the shells offer after "ptyctl …".
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/lines.hpp"

namespace ptyd::test {
namespace {

const std::string kFolder = PTYD_SOURCE_DIR "/ctl/completions/";

bool offers(const std::vector<std::string>& all, const std::string& word) {
  return std::any_of(all.begin(), all.end(), [&](const std::string& line) {
    return line == word || line.starts_with(word + "\t");
  });
}

class CompletionsTest : public testing::Test {
 protected:
  CompletionsTest() {
    auto client = daemon_.connect();
    create(client, "lives", {"sleep", "1000"});
    const auto ended = create(client, "ended", {"true"});
    EXPECT_TRUE(client.request("wait", {{"session", ended.value("id", "")}}).answered);
  }

  // The shell finds this ptyctl and this daemon.
  [[nodiscard]] std::vector<std::string> ask(const Arguments& shell) const {
    const auto folder = std::filesystem::path(PTYCTL_PROGRAM).parent_path().string();
    const auto result = run(shell, {.environment = {{"PATH", folder + ":/usr/bin:/bin"},
                                                    {"HOME", daemon_.folder().path().string()},
                                                    {"PTYD_SOCKET", daemon_.socket()}}});
    EXPECT_EQ(result.status, 0) << result;
    EXPECT_EQ(result.err, "");
    return lines_of(result.out);
  }
  // The last word is the one that is being typed.
  [[nodiscard]] std::vector<std::string> bash(Arguments words) const {
    words.insert(words.begin(), "ptyctl");
    Arguments shell{"bash", "--norc", "-c",
                    "source \"$0\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _ptyctl;"
                    " printf '%s\\n' \"${COMPREPLY[@]}\"",
                    kFolder + "ptyctl.bash"};
    shell.insert(shell.end(), words.begin(), words.end());
    return ask(shell);
  }
  [[nodiscard]] std::vector<std::string> fish(const std::string& line) const {
    return ask({"fish", "--no-config", "-c",
                "source " + kFolder + "ptyctl.fish; complete -C '" + line + "'"});
  }

  Daemon daemon_;
};

TEST_F(CompletionsTest, BashOffersVerbsOptionsSessionsAndSignals) {
  EXPECT_EQ(bash({"att"}), (std::vector<std::string>{"attach"}));
  EXPECT_EQ(bash({"attach", ""}), (std::vector<std::string>{"lives"}));
  const auto all = bash({"status", ""});
  EXPECT_TRUE(offers(all, "lives") && offers(all, "ended"));
  EXPECT_TRUE(offers(bash({"new", "--"}), "--stop-input"));
  EXPECT_EQ(bash({"new", "--on-drain", ""}), (std::vector<std::string>{"wait", "terminate"}));
  EXPECT_EQ(bash({"kill", "-s", "SIGHU"}), (std::vector<std::string>{"SIGHUP"}));
  EXPECT_EQ(bash({"--json", "s"}), (std::vector<std::string>{"short"}));
}

TEST_F(CompletionsTest, FishOffersVerbsOptionsAndSessions) {
  EXPECT_TRUE(offers(fish("ptyctl att"), "attach"));
  const auto living = fish("ptyctl attach ");
  EXPECT_TRUE(offers(living, "lives"));
  EXPECT_FALSE(offers(living, "ended"));
  EXPECT_TRUE(offers(fish("ptyctl status "), "ended"));
  EXPECT_TRUE(offers(fish("ptyctl new --stop"), "--stop-input"));
  EXPECT_TRUE(offers(fish("ptyctl kill --signal SIGH"), "SIGHUP"));
}

TEST_F(CompletionsTest, ZshTakesItsFile) {
  EXPECT_TRUE(ask({"zsh", "-n", kFolder + "_ptyctl"}).empty());
}

// One that is forgotten there is never offered.
TEST_F(CompletionsTest, EachVerbIsInAllOfThem) {
  const auto help = daemon_.ptyctl({"--help"}).out;
  const auto verbs = help.substr(help.find("Subcommands:\n") + 13);
  for (const auto& line : lines_of(verbs)) {
    if (!line.starts_with("  ")) break;
    const auto verb = line.substr(2, line.find(' ', 2) - 2);
    for (const char* file : {"ptyctl.bash", "ptyctl.fish", "_ptyctl"})
      EXPECT_NE(read_file(kFolder + file).find(verb), std::string::npos) << verb << " " << file;
  }
}

}  // namespace
}  // namespace ptyd::test
