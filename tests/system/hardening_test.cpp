// SPDX-License-Identifier: LGPL-2.1-or-later
// What systemd itself thinks of the units.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <regex>

#include "common/scrollback/scrollback.hpp"
#include "tests/support/sessions.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/system/daemon.hpp"
#include "tests/system/forged_host.hpp"

namespace ptyd::test {
namespace {

// Without their man page, which is not in these machines.
TEST(Hardening, TheUnitsAreWithoutMistakes) {
  const auto system = run(
      {"systemd-analyze", "verify", "--man=no", "/lib/systemd/system/ptyd.service",
       "/lib/systemd/system/ptyd.socket", "/lib/systemd/system/ptyd.slice",
       "/lib/systemd/system/ptyd-web@alice.service", "/lib/systemd/system/ptyd-web@alice.socket"});
  EXPECT_EQ(system.status, 0);
  EXPECT_EQ(system.out + system.err, "");
  enable_linger("alice");
  const auto user = run(as_user(
      "alice",
      {"systemd-analyze", "--user", "verify", "--man=no", "/usr/lib/systemd/user/ptyd.service",
       "/usr/lib/systemd/user/ptyd.socket", "/usr/lib/systemd/user/ptyd.slice",
       "/usr/lib/systemd/user/ptyd-web.service", "/usr/lib/systemd/user/ptyd-web.socket"}));
  EXPECT_EQ(user.status, 0);
  EXPECT_EQ(user.out + user.err, "");
}

TEST(Hardening, TheDaemonIsExposedToLittle) {
  start_socket();
  const auto all = run({"systemd-analyze", "--no-pager", "security", "ptyd.service"});
  std::smatch match;
  ASSERT_TRUE(
      std::regex_search(all.out, match, std::regex("exposure level for ptyd.service: ([0-9.]+)")))
      << all;
  std::cout << "figure: " << match[0] << std::endl;
  EXPECT_LE(std::stod(match[1]), 2.0) << all.out;
}

// What the sandbox forbids must not be something that is needed.
TEST(Hardening, EverythingWorksInTheSandbox) {
  start_socket();
  const auto ptyctl = [](const Arguments& arguments) {
    Arguments all{kPtyctl, "--no-pager"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run(as_user("alice", all));
  };
  EXPECT_EQ(ptyctl({"new", "job", "-d", "--", "bash", "-c", "read; exit 9"}).status, 0);
  EXPECT_EQ(ptyctl({"status", "job"}).status, 0);
  EXPECT_EQ(ptyctl({"health"}).status, 0);
  EXPECT_EQ(ptyctl({"send", "job", "\\n"}).status, 0);
  EXPECT_EQ(ptyctl({"wait", "job"}).status, 9);
  EXPECT_EQ(ptyctl({"restart", "job"}).status, 0);
  EXPECT_EQ(ptyctl({"kill", "-s", "KILL", "job"}).status, 0);
  EXPECT_EQ(ptyctl({"wait", "job"}).status, 128 + SIGKILL);
  EXPECT_EQ(ptyctl({"capture", "job"}).status, 0);
  const auto log = journal("ptyd.service");
  EXPECT_EQ(log.find("ermission denied"), std::string::npos) << log;
  EXPECT_EQ(log.find("not permitted"), std::string::npos) << log;
}

// A host that does not obey is not its daemon's to kill, which has no privilege: systemd does it.
TEST(Hardening, AHungHostIsKilledBySystemd) {
  write_file("/etc/ptyd/ptyd.yaml", "sessions:\n  stop_timeout: 500ms\n");
  start_socket();
  auto client = client_of("alice");
  const auto session = create(client, "hung", stubborn_command());
  ASSERT_TRUE(wait_printed(client, "hung", "armed"));
  ASSERT_EQ(::kill(session.value("hostPid", 0), SIGSTOP), 0);
  const auto ended = client.request("terminate", {{"session", "hung"}}).result;
  EXPECT_EQ(ended.value("endedBy", ""), "SIGKILL") << ended;
  EXPECT_TRUE(wait_for_property(session_unit(session.value("id", "")), "ActiveState", "inactive"));
  EXPECT_EQ(run({"pgrep", "-u", "alice"}).out, "");
}

// Whoever registers as the host of a session of his own, and then does not do as he is told, kept
// that session "stopping" and a drain from ending for ever.
TEST(Hardening, AHostThatIgnoresEverythingIsNotWaitedFor) {
  start_socket();
  auto spec = plausible_spec();
  spec.stop_timeout_ms = 100;
  int told[2];
  ASSERT_EQ(::pipe2(told, O_CLOEXEC), 0);
  const auto host = ::fork();
  if (host == 0) {
    // A process of bob's, which root without capabilities cannot kill.
    std::error_code error;
    const auto scrollback = Scrollback::create(64 * 1024, error);
    if (!scrollback || ::setresuid(1001, 1001, 1001) != 0) ::_exit(1);
    ProtocolClient link{std::string(kSystemSocket)};
    if (!link.hello(Role::kHost) ||
        !register_as(link, plausible_registration(spec), scrollback->fd()).empty() ||
        ::write(told[1], "!", 1) != 1)
      ::_exit(1);
    while (true) ::pause();
  }
  char registered = 0;
  ASSERT_EQ(::close(told[1]), 0);
  ASSERT_EQ(::read(told[0], &registered, 1), 1);
  auto root = client_of("root");
  ASSERT_TRUE(root.request("drain", {{"graceMs", 1}}).result.is_object());
  const auto ended = root.request("wait", {{"session", spec.id}}).result;
  EXPECT_EQ(ended.value("state", ""), "error") << ended;
  EXPECT_EQ(ended.value("endedBy", ""), "lost") << ended;
  EXPECT_TRUE(root.request("cancel-drain").result.is_object());
  EXPECT_EQ(::kill(host, SIGKILL), 0) << "it was killed after all";
  EXPECT_EQ(::waitpid(host, nullptr, 0), host);
}

}  // namespace
}  // namespace ptyd::test
