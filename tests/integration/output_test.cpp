// SPDX-License-Identifier: LGPL-2.1-or-later
// How the programs show what they have to say: colours, signs, versions.
#include <gtest/gtest.h>

#include <cctype>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

constexpr const char* kEscape = "\x1b[";

class Colours : public testing::Test {
 protected:
  Colours() {
    auto client = daemon_.connect();
    create(client, "demo", {"sleep", "1000"});
  }
  std::string into_a_pipe(const Environment& environment) {
    const auto result = run(daemon_.ptyctl_command({"status", "demo"}), {environment});
    EXPECT_EQ(result.status, 0) << result;
    return result.out;
  }
  std::string on_a_terminal(const Environment& environment) {
    const auto terminal = daemon_.terminal({"status", "demo"}, {.environment = environment});
    EXPECT_TRUE(terminal->wait_for_text("Stop within"));
    EXPECT_EQ(terminal->wait_exit(), (ExitResult{EndKind::kExited, 0}));
    return terminal->raw().text();
  }

  Daemon daemon_;
};

TEST_F(Colours, AreForTerminalsAlone) {
  const Environment utf8{{"LC_ALL", "C.UTF-8"}, {"NO_COLOR", {}}, {"SYSTEMD_COLORS", {}}};
  const auto piped = into_a_pipe(utf8);
  EXPECT_TRUE(piped.starts_with("* demo\n")) << piped;
  EXPECT_EQ(piped.find(kEscape), std::string::npos) << piped;
  const auto shown = on_a_terminal(utf8);
  EXPECT_NE(shown.find("●"), std::string::npos) << shown;
  EXPECT_NE(shown.find(kEscape), std::string::npos) << shown;
}

TEST_F(Colours, AreAsTheUserWantsThem) {
  EXPECT_EQ(on_a_terminal({{"NO_COLOR", "1"}}).find(kEscape), std::string::npos);
  EXPECT_EQ(on_a_terminal({{"SYSTEMD_COLORS", "0"}}).find(kEscape), std::string::npos);
  EXPECT_NE(on_a_terminal({{"SYSTEMD_COLORS", "yes"}, {"NO_COLOR", "1"}}).find(kEscape),
            std::string::npos);
  EXPECT_NE(into_a_pipe({{"SYSTEMD_COLORS", "1"}}).find(kEscape), std::string::npos);
}

TEST_F(Colours, ATerminalThatShowsNoUtf8GetsNone) {
  const auto shown = on_a_terminal({{"LC_ALL", "C"}, {"NO_COLOR", "1"}});
  EXPECT_EQ(shown.find("●"), std::string::npos) << shown;
  EXPECT_NE(shown.find("* demo"), std::string::npos) << shown;
}

TEST(Version, SaysWhatTheProgramSpeaksAndWasBuiltWith) {
  const auto daemon = run({PTYD_PROGRAM, "--version"});
  EXPECT_EQ(daemon.status, 0);
  EXPECT_TRUE(daemon.out.starts_with("ptyd ")) << daemon.out;
  EXPECT_NE(daemon.out.find("\nprotocol 1; with libsystemd "), std::string::npos) << daemon.out;
  for (const char* library : {"sdbus-c++ ", "spdlog ", "yaml-cpp "}) {
    const auto at = daemon.out.find(library);
    ASSERT_NE(at, std::string::npos) << daemon.out;
    EXPECT_NE(std::isdigit(daemon.out[at + std::string(library).size()]), 0) << daemon.out;
  }
  for (const char* program : {PTYCTL_PROGRAM, PTYD_SESSION_PROGRAM}) {
    const auto result = run({program, "--version"});
    EXPECT_EQ(result.status, 0);
    EXPECT_TRUE(result.out.ends_with("\nprotocol 1\n")) << result.out;
  }
}

}  // namespace
}  // namespace ptyd::test
