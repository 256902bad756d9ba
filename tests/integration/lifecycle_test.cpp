// SPDX-License-Identifier: LGPL-2.1-or-later
// What happens when two things happen to the daemon at once. Each test is a row of the table in
// docs/lifecycle.md, by its name.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

constexpr ExitResult kSuccess{EndKind::kExited, 0};

void drain(ProtocolClient& client, Json options = {{"graceMs", 600'000}}) {
  EXPECT_TRUE(client.request("drain", options).result.is_object());
}

std::string state(ProtocolClient& client) {
  return client.request("health").result.value("state", "");
}

// Keeps a stop from being over before the test has looked.
void create_stubborn(ProtocolClient& client) {
  create(client, "stubborn", stubborn_command());
  ASSERT_TRUE(wait_printed(client, "stubborn", "armed"));
}

// ---- drain and cancel ----

TEST(Lifecycle, DrainCancelDrainAgain) {
  Daemon daemon;
  auto client = daemon.connect();
  create(client, "job", {"sh", "-c", "read line"});
  for (int i = 0; i < 3; ++i) {
    drain(client);
    EXPECT_EQ(state(client), "draining");
    EXPECT_EQ(client.request("create", {{"command", {"true"}}}).code(), "draining");
    EXPECT_EQ(client.request("cancel-drain").result, (Json{{"state", "running"}}));
    EXPECT_TRUE(client.request("create", {{"command", {"true"}}}).result.is_object());
  }
  drain(client, {{"exit", true}});
  ASSERT_TRUE(client.request("send", {{"session", "job"}}, "\n").answered);
  EXPECT_EQ(daemon.wait_exit(), kSuccess);
}

TEST(Lifecycle, ADrainDuringADrainTakesItsPlace) {
  Daemon daemon;
  auto client = daemon.connect();
  create(client, "endless", {"sleep", "1000"});
  drain(client);
  drain(client, {{"graceMs", 100}, {"exit", true}});
  EXPECT_EQ(daemon.wait_exit(), (ExitResult{EndKind::kExited, 1}));
}

TEST(Lifecycle, CancelIsTooLateOnceTheRestIsBeingEnded) {
  Daemon daemon;
  auto client = daemon.connect();
  create_stubborn(client);
  drain(client, {{"graceMs", 100}});
  ASSERT_TRUE(daemon.wait_for_log("Drain: abandoning session stubborn"));
  EXPECT_EQ(client.request("cancel-drain").code(), "bad-request");
  EXPECT_EQ(client.request("drain").code(), "bad-request");
  ASSERT_TRUE(daemon.wait_for_log("Drained; some sessions had to be ended"));
  EXPECT_EQ(client.request("cancel-drain").result, (Json{{"state", "running"}}));
}

TEST(Lifecycle, ACancelDoesNotBringBackWhatTheDrainHasEnded) {
  Daemon daemon;
  auto client = daemon.connect();
  create(client, "stubborn", stubborn_command(), {{"onDrain", "terminate"}});
  ASSERT_TRUE(wait_printed(client, "stubborn", "armed"));
  create(client, "build", {"sleep", "1000"});
  drain(client);
  EXPECT_EQ(client.request("cancel-drain").result, (Json{{"state", "running"}}));
  EXPECT_EQ(client.request("wait", {{"session", "stubborn"}}).result.value("endedBy", ""),
            "SIGKILL");
  EXPECT_EQ(client.request("status", {{"session", "build"}}).result.value("state", ""), "active");
}

TEST(Lifecycle, ADrainWithoutSessionsIsDrained) {
  Daemon daemon;
  auto client = daemon.connect();
  auto monitor = daemon.connect();
  ASSERT_TRUE(monitor.request("monitor").answered);
  drain(client);
  const auto event = monitor.next_event("drain.progress");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->value("sessions", -1), 0);
  EXPECT_EQ(state(client), "draining");
  EXPECT_EQ(client.request("cancel-drain").result, (Json{{"state", "running"}}));
}

TEST(Lifecycle, ADrainWithoutSessionsAndWithExitLeavesAtOnce) {
  Daemon daemon;
  auto client = daemon.connect();
  drain(client, {{"exit", true}});
  EXPECT_EQ(daemon.wait_exit(), kSuccess);
}

TEST(Lifecycle, AReloadDuringADrainDoesNotEndIt) {
  Daemon daemon;
  auto client = daemon.connect();
  drain(client);
  ASSERT_TRUE(daemon.signal(SIGHUP));
  ASSERT_TRUE(daemon.wait_for_log("The new configuration is in force"));
  EXPECT_EQ(state(client), "draining");
}

TEST(Lifecycle, ADaemonThatIsKilledInADrainIsFollowedByOneThatRuns) {
  Daemon daemon;
  {
    auto client = daemon.connect();
    create(client, "job", {"sleep", "1000"});
    drain(client);
  }
  daemon.kill9();
  daemon.start();
  auto client = daemon.connect();
  EXPECT_EQ(state(client), "running");
  EXPECT_TRUE(eventually([&] {
    return client.request("status", {{"session", "job"}}).result.value("hostPid", 0) != 0;
  }));
}

// ---- stop ----

TEST(Lifecycle, AStopDuringADrainStops) {
  Daemon daemon;
  auto client = daemon.connect();
  const auto session = create(client, "endless", {"sleep", "1000"});
  drain(client, {{"graceMs", 600'000}, {"exit", true}});
  EXPECT_EQ(daemon.terminate(), kSuccess);
  EXPECT_EQ(record(daemon, session.value("id", "")).value("endedBy", ""), "SIGTERM");
}

TEST(Lifecycle, AStopWhileADrainEndsTheRestEndsItToo) {
  Daemon daemon;
  auto client = daemon.connect();
  create_stubborn(client);
  drain(client, {{"graceMs", 100}, {"exit", true}});
  ASSERT_TRUE(daemon.wait_for_log("Drain: abandoning session stubborn"));
  EXPECT_EQ(daemon.terminate(), kSuccess) << "what was asked for last is what is reported";
}

TEST(Lifecycle, DrainAndCancelDuringAStopAreRefused) {
  Daemon daemon;
  auto client = daemon.connect();
  create_stubborn(client);
  ASSERT_TRUE(daemon.signal(SIGTERM));
  ASSERT_TRUE(daemon.wait_for_log("Stopped accepting new connections"));
  EXPECT_EQ(client.request("drain").code(), "shutting-down");
  EXPECT_EQ(client.request("cancel-drain").code(), "bad-request");
  EXPECT_EQ(daemon.wait_exit(), kSuccess);
}

TEST(Lifecycle, FurtherSignalsDuringAStopAreIgnored) {
  Daemon daemon;
  auto client = daemon.connect();
  create_stubborn(client);
  for (const auto& [signal, line] :
       {std::pair{SIGTERM, "Received SIGTERM, shutting down gracefully"},
        std::pair{SIGTERM, "Received SIGTERM, already shutting down"},
        std::pair{SIGINT, "Received SIGINT, already shutting down"},
        std::pair{SIGHUP, "Received SIGHUP, but not reading the configuration"}}) {
    ASSERT_TRUE(daemon.signal(signal));
    ASSERT_TRUE(daemon.wait_for_log(line));
  }
  EXPECT_EQ(daemon.wait_exit(), kSuccess);
}

// Nothing was begun, and nothing is left.
TEST(Lifecycle, ASignalBeforeTheDaemonListensEndsIt) {
  Daemon daemon(DaemonOptions{.started = false, .traced = true});
  daemon.set_runner({"strace", "-f", "-o", "/dev/null", "-e", "trace=openat", "-e",
                     "inject=openat:signal=TERM:when=1"});
  daemon.begin_start();
  const auto ended = daemon.wait_exit();
  ASSERT_TRUE(ended);
  EXPECT_EQ(*ended, (ExitResult{EndKind::kSignaled, SIGTERM}));
  EXPECT_NE(::access(daemon.socket().c_str(), F_OK), 0);
  daemon.set_runner({});
  daemon.start();
}

TEST(Lifecycle, ASignalDuringTheStartUpStopsInOrder) {
  Daemon daemon(DaemonOptions{.started = false, .traced = true});
  // As it takes its lock: long before it is ready.
  daemon.set_runner({"strace", "-f", "-o", "/dev/null", "-e", "trace=flock", "-e",
                     "inject=flock:signal=TERM:when=1"});
  daemon.begin_start();
  EXPECT_EQ(daemon.wait_exit(), kSuccess) << daemon.log().text();
  EXPECT_TRUE(daemon.wait_for_log("Received SIGTERM, shutting down gracefully"));
  EXPECT_TRUE(daemon.wait_for_log("Graceful shutdown complete"));
  EXPECT_NE(::access(daemon.socket().c_str(), F_OK), 0);
}

// A host whose daemon was killed comes to the next one while that stops.
TEST(Lifecycle, AHostThatRegistersDuringAStopEndsWithTheOthers) {
  Daemon daemon;
  std::string id;
  {
    auto client = daemon.connect();
    id = create(client, "late", {"sleep", "1000"}).value("id", "");
    create_stubborn(client);
  }
  int late = 0;
  ASSERT_TRUE(eventually([&] { return (late = record(daemon, id).value("hostPid", 0)) > 0; }));
  ASSERT_EQ(::kill(late, SIGSTOP), 0);
  daemon.kill9();
  daemon.start();
  auto client = daemon.connect();
  ASSERT_TRUE(eventually([&] {
    return client.request("status", {{"session", "stubborn"}}).result.value("hostPid", 0) != 0;
  }));
  ASSERT_TRUE(daemon.signal(SIGTERM));
  ASSERT_TRUE(daemon.wait_for_log("Terminating PTY for session late"));
  ASSERT_EQ(::kill(late, SIGCONT), 0);
  EXPECT_EQ(daemon.wait_exit(), kSuccess);
  EXPECT_TRUE(daemon.wait_for_log("Session late is here"));
  EXPECT_EQ(record(daemon, id).value("state", ""), "stopped");
  EXPECT_EQ(record(daemon, id).value("endedBy", ""), "SIGTERM");
}

// ---- the grace time of a stop ----

TEST(Lifecycle, AStopWithGraceWaitsForSessionsToEnd) {
  Daemon daemon(DaemonOptions{.config = "stop: {grace: 1min}\n"});
  auto client = daemon.connect();
  const auto build = create(client, "build", {"sh", "-c", "read line; exit 3"});
  const auto shell = create(client, "shell", {"sleep", "1000"}, {{"onDrain", "terminate"}});
  ASSERT_TRUE(daemon.signal(SIGTERM));
  const auto event = client.next_event("server.shutdown");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->value("gracePeriodMs", 0), 65'000);
  ASSERT_TRUE(daemon.wait_for_log("Waiting for 2 sessions to end, within 1min"));
  ASSERT_TRUE(daemon.signal(SIGTERM));
  ASSERT_TRUE(daemon.wait_for_log("Received SIGTERM, already shutting down"));
  ASSERT_TRUE(client.request("send", {{"session", "build"}}, "\n").answered);
  EXPECT_EQ(daemon.wait_exit(), kSuccess);
  EXPECT_EQ(record(daemon, build.value("id", "")).value("exitStatus", -1), 3);
  EXPECT_EQ(record(daemon, shell.value("id", "")).value("endedBy", ""), "SIGTERM");
  EXPECT_EQ(daemon.log().text().find("Terminating PTY for session build"), std::string::npos);
}

TEST(Lifecycle, AfterTheGraceOfAStopTheRestIsEnded) {
  Daemon daemon(DaemonOptions{.config = "stop: {grace: 2500ms}\n"});
  auto client = daemon.connect();
  const auto session = create(client, "endless", {"sleep", "1000"});
  EXPECT_EQ(daemon.terminate(), kSuccess);
  EXPECT_TRUE(daemon.wait_for_log("Stop: 1 session left after the grace time; ending them"));
  EXPECT_EQ(record(daemon, session.value("id", "")).value("endedBy", ""), "SIGTERM");
  int extensions = 0;
  for (const auto& line : daemon.notify().lines())
    extensions += line.text.starts_with("EXTEND_TIMEOUT_USEC=") ? 1 : 0;
  EXPECT_GE(extensions, 3) << "the service manager was not asked for the time";
}

// A drain that ends in a stop gives requests more time than a stop does.
TEST(Lifecycle, ADrainThatExitsGivesRequestsItsOwnTime) {
  Daemon daemon(DaemonOptions{.config = "stop: {request_timeout: 0s}\n"
                                        "drain: {request_timeout: 1min}\n"});
  auto client = daemon.connect();
  Process supervised(daemon.ptyctl_command({"run", "--name=service", "--", "sleep", "1000"}));
  ASSERT_TRUE(eventually([&] {
    const auto status = client.request("status", {{"session", "service"}}).result;
    return status.is_object() && status.value("hostPid", 0) != 0;
  }));
  const auto host = client.request("status", {{"session", "service"}}).result.value("hostPid", 0);
  ASSERT_EQ(::kill(host, SIGSTOP), 0);
  const auto sent = client.begin_request("send", {{"session", "service"}}, "x");
  drain(client, {{"exit", true}});
  EXPECT_TRUE(daemon.wait_for_log("Finishing 1 request, within 1min"));
  ASSERT_EQ(::kill(host, SIGCONT), 0);
  EXPECT_TRUE(client.wait_answer(sent).result.is_object());
  EXPECT_EQ(daemon.wait_exit(), kSuccess);
  supervised.signal(SIGTERM);
}

}  // namespace
}  // namespace ptyd::test
