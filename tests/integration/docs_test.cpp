// SPDX-License-Identifier: LGPL-2.1-or-later
// The man pages and the README say what the programs do.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/message_bus.hpp"

namespace ptyd::test {
namespace {

std::string page(const std::string& name) {
  // As it is read, without the escapes of Markdown.
  return std::regex_replace(read_file(PTYD_SOURCE_DIR "/man/" + name + ".md"), std::regex(R"(\\)"),
                            "");
}

// What the pattern's group, or all of it, matches in the text.
std::vector<std::string> found(const std::string& text, const std::string& pattern) {
  std::vector<std::string> all;
  const std::regex regex(pattern);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it)
    all.push_back((*it)[it->size() - 1]);
  return all;
}

// "--cwd", "--env", … in a program's help.
std::vector<std::string> options_in(const std::string& help) {
  return found(help, "--[a-z][a-z-]*");
}

std::vector<std::string> verbs_of(const std::string& help) {
  return found(help.substr(help.find("Subcommands:")), "\n  ([a-z]+) +[A-Z]");
}

TEST(Man, PtyctlHasEachVerbAndOption) {
  const auto text = page("ptyctl.1");
  const auto help = run({PTYCTL_PROGRAM, "--help"}).out;
  const auto verbs = verbs_of(help);
  EXPECT_EQ(verbs.size(), 18U);
  for (const auto& option : options_in(help))
    EXPECT_NE(text.find("**" + option + "**"), std::string::npos) << option;
  for (const auto& verb : verbs) {
    EXPECT_NE(text.find("\n**" + verb + "**"), std::string::npos) << verb;
    for (const auto& option : options_in(run({PTYCTL_PROGRAM, verb, "--help"}).out))
      EXPECT_NE(text.find("**" + option + "**"), std::string::npos) << verb << " " << option;
  }
}

TEST(Man, PtydAndPtydSessionHaveEachOption) {
  for (const auto& option : options_in(run({PTYD_PROGRAM, "--help"}).out))
    EXPECT_NE(page("ptyd.8").find("**" + option + "**"), std::string::npos) << option;
  for (const auto& option : options_in(run({PTYD_SESSION_PROGRAM, "--help"}).out))
    EXPECT_NE(page("ptyd-session.8").find("**" + option + "**"), std::string::npos) << option;
}

// Those of a user's shell begin with "    $ ", those of root's with "    # ".
std::vector<std::string> examples_of(const std::string& name, const std::string& prompts = "$") {
  const auto text = read_file(PTYD_SOURCE_DIR "/man/" + name + ".md");
  return found(text.substr(text.find("# EXAMPLES")), "\n    [" + prompts + "] ([^\n]*)");
}

#ifdef PTYD_WEB_PROGRAM_PATH
TEST(Man, PtydWebHasEachOption) {
  for (const auto& option : options_in(run({PTYD_WEB_PROGRAM_PATH, "--help"}).out))
    EXPECT_NE(page("ptyd-web.8").find("**" + option + "**"), std::string::npos) << option;
}
#endif

TEST(Man, TheExamplesOfPtyctlWork) {
  Daemon daemon;
  const auto folder = std::filesystem::path(PTYCTL_PROGRAM).parent_path().string();
  const auto examples = examples_of("ptyctl.1");
  EXPECT_GE(examples.size(), 6U);
  for (const auto& example : examples) {
    const auto result =
        run({"sh", "-c", example}, {.environment = {{"PATH", folder + ":/usr/bin:/bin"},
                                                    {"PTYD_SOCKET", daemon.socket()},
                                                    {"ASAN_OPTIONS", "detect_leaks=0"}}});
    // There is nothing to build here, so that fails at once.
    if (example.find(" build") != std::string::npos) continue;
    EXPECT_EQ(result.err, "") << example;
    EXPECT_EQ(result.status, 0) << example;
  }
  auto client = daemon.connect();
  EXPECT_TRUE(wait_printed(client, "demo", "the answer is 42"));
}

TEST(Man, TheExamplesOfTheDBusInterfaceWork) {
  MessageBus bus;
  Daemon daemon({.bus_address = bus.address()});
  auto client = daemon.connect();
  create(client, "build", {"sleep", "1000"});
  const auto examples = examples_of("org.ptyd1.5", "$#");
  EXPECT_GE(examples.size(), 6U);
  for (const auto& example : examples) {
    if (example.starts_with("busctl monitor")) continue;  // it has no end
    const auto result =
        run({"sh", "-c", example}, {.environment = {{"DBUS_SYSTEM_BUS_ADDRESS", bus.address()}}});
    EXPECT_EQ(result.status, 0) << example << "\n" << result;
  }
}

TEST(Man, TheExampleOfAConfigurationIsOne) {
  const auto text = read_file(PTYD_SOURCE_DIR "/man/ptyd.yaml.5.md");
  const auto begin = text.find("# EXAMPLE\n") + 10;
  const auto example = text.substr(begin, text.find("\n# ", begin) - begin);
  EXPECT_NE(example.find("grace:"), std::string::npos) << example;
  const TempDir folder;
  write_file(folder / "ptyd.yaml", std::regex_replace(example, std::regex("\n    "), "\n"));
  const auto result = run({PTYD_PROGRAM, "--check-config", "--config", folder / "ptyd.yaml"});
  EXPECT_EQ(result.status, 0) << result;
}

// All of the programs' sources, without what breaks a text into lines there.
std::string sources() {
  std::string text;
  for (const char* folder : {"common", "ctl", "daemon", "dbus", "session", "web"})
    for (const auto& file :
         std::filesystem::recursive_directory_iterator(std::string(PTYD_SOURCE_DIR "/") + folder))
      if (file.path().extension() == ".cpp") text += read_file(file.path());
  return std::regex_replace(text, std::regex("\"\\s*\""), "");
}

// Of "Queued session … cannot be started: …": all but what differs, as long as it says something.
std::vector<std::string> fixed_parts(const std::string& line) {
  constexpr std::string_view kGap = "…";
  std::vector<std::string> parts;
  for (std::size_t at = 0, end = 0; end != std::string::npos; at = end + kGap.size()) {
    end = line.find(kGap, at);
    const auto part = std::regex_replace(line.substr(at, end - at), std::regex("^ | $"), "");
    if (part.size() > 3) parts.push_back(part);
  }
  return parts;
}

// Who greps for a line of the log finds it in the README, and the README has no line of old.
TEST(Readme, TheLinesOfTroubleshootingAreThoseOfThePrograms) {
  const auto readme = read_file(PTYD_SOURCE_DIR "/README.md");
  const auto code = sources();
  const auto lines = found(readme.substr(readme.find("## Troubleshooting")), "\n\\| `([^`]*)`");
  EXPECT_GE(lines.size(), 25U);
  for (const auto& line : lines)
    for (const auto& part : fixed_parts(line))
      EXPECT_NE(code.find(part), std::string::npos) << "'" << part << "' of: " << line;
}

}  // namespace
}  // namespace ptyd::test
