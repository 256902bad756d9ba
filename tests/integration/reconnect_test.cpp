// SPDX-License-Identifier: LGPL-2.1-or-later
// ptyctl's verbs that wait, and a daemon that goes meanwhile.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

// Asked to end, it says so and waits for a line.
Json create_slow(ProtocolClient& client) {
  const auto session = create(
      client, "slow",
      {"bash", "-c", "trap 'echo told' TERM; echo armed; until read -r x; do :; done; exit 5"},
      {{"stopTimeoutMs", 60'000}});
  EXPECT_TRUE(wait_printed(client, "slow", "armed"));
  return session;
}

// The client is connected: its request for `session` is under way or answered.
bool wait_clients(ProtocolClient& client, int count) {
  return eventually([&] { return client.request("health").result.value("clients", 0) == count; });
}

TEST(Reconnect, WaitOutlivesTheDaemon) {
  Daemon daemon;
  std::unique_ptr<Process> wait;
  {
    auto client = daemon.connect();
    create_slow(client);
    wait = std::make_unique<Process>(daemon.ptyctl_command({"wait", "slow"}));
    ASSERT_TRUE(wait_clients(client, 2));
  }
  for (int i = 0; i < 3; ++i) {
    daemon.kill9();
    daemon.start();
    auto client = daemon.connect();
    ASSERT_TRUE(wait_clients(client, 2)) << wait->err().text();
    EXPECT_TRUE(wait->child().running());
  }
  auto client = daemon.connect();
  ASSERT_TRUE(client.request("send", {{"session", "slow"}}, "\n").answered);
  EXPECT_EQ(wait->wait_exit(), (ExitResult{EndKind::kExited, 5}));
  EXPECT_EQ(wait->err().text(), "");
}

TEST(Reconnect, TerminateOutlivesTheDaemon) {
  Daemon daemon;
  std::unique_ptr<Process> terminate;
  {
    auto client = daemon.connect();
    create_slow(client);
    create(client, "quick", {"sleep", "1000"});
    terminate = std::make_unique<Process>(daemon.ptyctl_command({"terminate", "quick", "slow"}));
    ASSERT_TRUE(wait_printed(client, "slow", "told"));
  }
  daemon.kill9();
  daemon.start();
  auto client = daemon.connect();
  ASSERT_TRUE(wait_clients(client, 2)) << terminate->err().text();
  EXPECT_TRUE(terminate->child().running());
  ASSERT_TRUE(client.request("send", {{"session", "slow"}}, "\n").answered);
  EXPECT_EQ(terminate->wait_exit(), (ExitResult{EndKind::kExited, 0}));
  EXPECT_EQ(terminate->err().text(), "");
}

TEST(Reconnect, ADaemonThatDoesNotComeBackIsAnError) {
  Daemon daemon;
  auto client = daemon.connect();
  create_slow(client);
  Process wait(daemon.ptyctl_command({"wait", "slow"}));
  ASSERT_TRUE(wait_clients(client, 2));
  daemon.kill9();
  EXPECT_EQ(wait.wait_exit(), (ExitResult{EndKind::kExited, 1}));
  EXPECT_TRUE(wait.err().wait_for("none came back within 10s: no daemon: nobody listens"));
}

TEST(Reconnect, MonitorSaysSoAndGoesOn) {
  Daemon daemon;
  Process monitor(daemon.ptyctl_command({"--json=short", "monitor"}));
  {
    auto client = daemon.connect();
    ASSERT_TRUE(wait_clients(client, 2));
  }
  daemon.kill9();
  EXPECT_TRUE(monitor.err().wait_for("waiting for the next one"));
  daemon.start();
  EXPECT_TRUE(monitor.err().wait_for("connected again"));
  auto client = daemon.connect();
  ASSERT_TRUE(eventually([&] {
    create(client, "", {"true"});
    return monitor.out().text().find("session.new") != std::string::npos;
  }));
  // Nor does it bring a daemon back that somebody has stopped.
  daemon.terminate();
  EXPECT_EQ(monitor.wait_exit(), (ExitResult{EndKind::kExited, 1}));
  EXPECT_EQ(monitor.err().text().find("closed the connection\n"),
            monitor.err().text().rfind("closed the connection"));
}

}  // namespace
}  // namespace ptyd::test
