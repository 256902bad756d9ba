// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <regex>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;
using SteadyClock = std::chrono::steady_clock;

constexpr ExitResult kSuccess{EndKind::kExited, 0};

// A zombie that its new parent has not collected yet counts as gone.
bool process_exists(long pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  const auto name_end = stat.rfind(") ");
  return name_end != std::string::npos && stat[name_end + 2] != 'Z';
}

// The number a stubborn session prints after "grandchild".
long grandchild_of(ProtocolClient& client, const std::string& session) {
  EXPECT_TRUE(wait_printed(client, session, "grandchild "));
  EXPECT_TRUE(wait_printed(client, session, "armed"));
  const auto text = captured(client, session);
  std::smatch match;
  return std::regex_search(text, match, std::regex("grandchild ([0-9]+)")) ? std::stol(match[1])
                                                                           : 0;
}

// The acceptance of a graceful stop: two sessions, a listening client, one SIGTERM.
TEST(Stop, EndsAllInOrderReportsAndLosesNothing) {
  Daemon daemon;
  auto client = daemon.connect();
  const auto obeying = create_shell(client, "obeying");
  const auto stubborn = create(client, "stubborn", stubborn_command());
  const auto grandchild = grandchild_of(client, "stubborn");
  ASSERT_GT(grandchild, 0);
  auto viewer = daemon.connect();
  ASSERT_TRUE(viewer.attach("obeying"));
  ASSERT_TRUE(eventually([&] {
    return client.request("status", {{"session", "obeying"}}).result.value("clients", 0) == 1;
  }));

  const auto begin = SteadyClock::now();
  ASSERT_TRUE(daemon.signal(SIGTERM));
  const auto event = client.next_event("server.shutdown");
  ASSERT_TRUE(event);
  EXPECT_EQ(*event, (Json{{"type", "server.shutdown"},
                          {"message", "Server shutting down"},
                          {"gracePeriodMs", 5000}}));
  const auto notice = viewer.next_frame(FrameType::kNotice);
  ASSERT_TRUE(notice);
  EXPECT_EQ(Json::parse(notice->payload), *event);
  EXPECT_TRUE(viewer.wait_ended());
  EXPECT_TRUE(client.wait_closed());
  EXPECT_EQ(daemon.wait_exit(), kSuccess);
  const auto elapsed = SteadyClock::now() - begin;
  EXPECT_LT(elapsed, seconds(10));
  EXPECT_GE(elapsed, seconds(5)) << "the stubborn session did not get its time";

  const auto first = record(daemon, obeying.value("id", ""));
  EXPECT_EQ(first.value("state", ""), "stopped");
  EXPECT_EQ(first.value("endedBy", ""), "SIGHUP");
  const auto second = record(daemon, stubborn.value("id", ""));
  EXPECT_EQ(second.value("state", ""), "stopped");
  EXPECT_EQ(second.value("endedBy", ""), "SIGKILL");
  EXPECT_TRUE(second.value("forced", false));
  EXPECT_FALSE(process_exists(grandchild));
  EXPECT_FALSE(process_exists(obeying.value("pid", 0L)));
  EXPECT_TRUE(daemon.hosts().empty());

  const auto log = daemon.log().text();
  std::size_t at = 0;
  const std::vector<std::string> lines{
      "Received SIGTERM, shutting down gracefully...",
      "Stopped accepting new connections",
      "Broadcasting shutdown message to 2 clients",
      "Terminating PTY for session ",
      "PTY for session obeying exited gracefully",
      "warning: PTY for session stubborn force-killed (SIGKILL)",
      "Saved session state to " + daemon.state_dir() + "/sessions/",
      "Graceful shutdown complete in "};
  for (const auto& line : lines) {
    const auto found = log.find(line, at);
    EXPECT_NE(found, std::string::npos) << line << " is not there, or not in order:\n" << log;
    if (found != std::string::npos) at = found;
  }
  EXPECT_NE(::access(daemon.socket().c_str(), F_OK), 0) << "the socket is left behind";
}

TEST(Stop, TellsTheServiceManager) {
  Daemon daemon;
  auto client = daemon.connect();
  create(client, "stubborn", stubborn_command());
  ASSERT_TRUE(wait_printed(client, "stubborn", "armed"));
  EXPECT_EQ(daemon.terminate(), kSuccess);
  const auto lines = daemon.notify().lines();
  int extensions = 0;
  bool stopping = false;
  for (const auto& line : lines) {
    stopping = stopping || line.text == "STOPPING=1";
    if (line.text.starts_with("EXTEND_TIMEOUT_USEC=")) {
      EXPECT_TRUE(stopping) << "asked for more time before it was stopping";
      ++extensions;
    }
  }
  EXPECT_TRUE(stopping);
  EXPECT_GE(extensions, 5) << "a stop of five seconds asks each second";
  EXPECT_TRUE(daemon.notify().has("STATUS=Stopping, 1 session left"));
}

TEST(Stop, SigintStopsToo) {
  Daemon daemon;
  auto client = daemon.connect();
  const auto session = create_shell(client, "shell");
  ASSERT_TRUE(daemon.signal(SIGINT));
  EXPECT_EQ(daemon.wait_exit(), kSuccess);
  EXPECT_EQ(record(daemon, session.value("id", "")).value("state", ""), "stopped");
}

TEST(Stop, WithoutSessionsIsQuick) {
  Daemon daemon;
  const auto begin = SteadyClock::now();
  EXPECT_EQ(daemon.terminate(), kSuccess);
  EXPECT_LT(SteadyClock::now() - begin, seconds(5));
}

TEST(Stop, NewcomersAreTold) {
  Daemon daemon;
  auto client = daemon.connect();
  create(client, "stubborn", stubborn_command());
  ASSERT_TRUE(wait_printed(client, "stubborn", "armed"));
  ASSERT_TRUE(daemon.signal(SIGTERM));
  ASSERT_TRUE(daemon.wait_for_log("Stopped accepting new connections"));
  auto newcomer = ProtocolClient(daemon.socket());
  ASSERT_TRUE(newcomer.hello());
  const auto frame = newcomer.next_frame(FrameType::kError);
  ASSERT_TRUE(frame);
  EXPECT_EQ(decode<ProtocolError>(frame->payload)->code, "shutting-down");
  EXPECT_TRUE(newcomer.wait_closed());
  const auto refused = client.request("create", {{"command", {"true"}}});
  EXPECT_EQ(refused.code(), "shutting-down");
  EXPECT_EQ(daemon.wait_exit(), kSuccess);
}

// Programs that obey are given their time to do so.
TEST(Stop, AProgramMaySaveItsWork) {
  Daemon daemon;
  auto client = daemon.connect();
  const auto file = daemon.folder() / "saved";
  const auto session = create(client, "game",
                              {"bash", "-c",
                               "trap 'echo all of it > \"$0\"; exit 7' TERM; echo armed;"
                               "while :; do read -t 1000 < /dev/tty; done",
                               file});
  ASSERT_TRUE(wait_printed(client, "game", "armed"));
  EXPECT_EQ(daemon.terminate(), kSuccess);
  EXPECT_EQ(read_file(file), "all of it\n");
  const auto final_record = record(daemon, session.value("id", ""));
  EXPECT_EQ(final_record.value("endedBy", ""), "exited");
  EXPECT_EQ(final_record.value("exitStatus", -1), 7);
}

TEST(Stop, StopInputIsTypedFirst) {
  Daemon daemon;
  auto client = daemon.connect();
  const auto session = create(client, "console",
                              {"bash", "-c",
                               "trap '' TERM HUP; echo armed; read line; echo got \"$line\";"
                               " [ \"$line\" = stop ] && exit 9"},
                              {{"stopInput", "stop\n"}});
  ASSERT_TRUE(wait_printed(client, "console", "armed"));
  EXPECT_EQ(daemon.terminate(), kSuccess);
  const auto final_record = record(daemon, session.value("id", ""));
  EXPECT_EQ(final_record.value("exitStatus", -1), 9) << final_record;
}

TEST(Stop, SessionsAreListedAndCanBeRunAgainAfterwards) {
  Daemon daemon;
  {
    auto client = daemon.connect();
    create(client, "job", {"bash", "-c", "echo marker-$PTYD_SESSION; sleep 1000"},
           {{"environment", {{"KEPT", "value"}}}});
    ASSERT_TRUE(wait_printed(client, "job", "marker-job"));
  }
  EXPECT_EQ(daemon.terminate(), kSuccess);
  daemon.start();
  auto client = daemon.connect();
  const auto old = client.request("status", {{"session", "job"}}).result;
  EXPECT_EQ(old.value("state", ""), "stopped");
  EXPECT_EQ(old.value("endedBy", ""), "SIGTERM");
  EXPECT_NE(captured(client, "job").find("marker-job"), std::string::npos);
  const auto again = client.request("restart", {{"session", "job"}}).result;
  EXPECT_EQ(again.value("state", ""), "active");
  EXPECT_NE(again.value("id", ""), old.value("id", ""));
  EXPECT_EQ(again["command"], old["command"]);
  EXPECT_EQ(client.request("list").items.size(), 1U) << "the old record gives way";
  ASSERT_TRUE(wait_printed(client, "job", "marker-job"));
}

// A hundred sessions, twenty of which ignore everything, still end within the ten seconds.
TEST(Stop, AHundredSessionsWithinTenSeconds) {
  Daemon daemon;
  auto client = daemon.connect();
  std::vector<std::string> stubborn;
  for (int i = 0; i < 100; ++i) {
    const auto name = "s" + std::to_string(i);
    if (i % 5 == 0) {
      create(client, name, stubborn_command());
      stubborn.push_back(name);
    } else {
      create(client, name, {"sleep", "1000"});
    }
  }
  for (const auto& name : stubborn) ASSERT_TRUE(wait_printed(client, name, "armed"));
  const auto begin = SteadyClock::now();
  EXPECT_EQ(daemon.terminate(), kSuccess);
  const auto elapsed = duration_cast<milliseconds>(SteadyClock::now() - begin);
  std::cout << "stop of 100 sessions: " << elapsed.count() << " ms\n";
  EXPECT_LT(elapsed, seconds(10));
  EXPECT_TRUE(daemon.hosts().empty());
  int stopped = 0;
  int killed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(daemon.state_dir() + "/sessions")) {
    if (entry.path().extension() != ".json") continue;
    const auto json = Json::parse(read_file(entry.path()), nullptr, false);
    if (json.value("state", "") == "stopped") ++stopped;
    if (json.value("endedBy", "") == "SIGKILL") ++killed;
  }
  EXPECT_EQ(stopped, 100);
  EXPECT_EQ(killed, 20);
}

// A host that is stopped cannot end its session; the daemon does.
TEST(Stop, AHungHostIsKilledWithItsTree) {
  Daemon daemon(DaemonOptions{.config = "sessions: {stop_timeout: 200ms}\n"});
  auto client = daemon.connect();
  const auto session = create(client, "stubborn", stubborn_command());
  const auto grandchild = grandchild_of(client, "stubborn");
  ASSERT_GT(grandchild, 0);
  ASSERT_EQ(::kill(session.value("hostPid", 0), SIGSTOP), 0);
  EXPECT_EQ(daemon.terminate(), kSuccess);
  EXPECT_FALSE(process_exists(grandchild));
  EXPECT_FALSE(process_exists(session.value("hostPid", 0L)));
  const auto final_record = record(daemon, session.value("id", ""));
  EXPECT_EQ(final_record.value("state", ""), "stopped");
  EXPECT_EQ(final_record.value("endedBy", ""), "SIGKILL");
}

// Whoever gives a session a stop timeout of an hour holds up the stop of everybody's daemon.
TEST(Stop, WaitsForNoSessionLongerThanConfigured) {
  Daemon daemon(DaemonOptions{.config = "stop: {session_timeout: 300ms}\n"});
  auto client = daemon.connect();
  const auto session =
      create(client, "stubborn", stubborn_command(), {{"stopTimeoutMs", 3'600'000}});
  ASSERT_TRUE(wait_printed(client, "stubborn", "armed"));
  const auto begin = SteadyClock::now();
  EXPECT_EQ(daemon.terminate(), kSuccess);
  EXPECT_LT(SteadyClock::now() - begin, seconds(10));
  EXPECT_EQ(record(daemon, session.value("id", "")).value("endedBy", ""), "SIGKILL");
}

// State that cannot be written is said loudly and holds nothing up.
TEST(Stop, AFullDiskHoldsNothingUp) {
  Daemon daemon;
  auto client = daemon.connect();
  const auto session = create_shell(client, "shell");
  const auto obstacle = daemon.state_dir() + "/sessions/" + session.value("id", "") + ".json.tmp";
  std::filesystem::create_directory(obstacle);
  EXPECT_EQ(daemon.terminate(), kSuccess);
  EXPECT_TRUE(daemon.wait_for_log("error: State cannot be saved: cannot create " + obstacle));
  EXPECT_TRUE(daemon.wait_for_log("Graceful shutdown complete"));
}

// As PID 1 of a container: orphans are reaped, SIGTERM stops in order.
TEST(Stop, AsPidOneOfAContainer) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to make a pid namespace";
  Daemon folders(DaemonOptions{.started = false});
  const Arguments command{"unshare",       "--pid",
                          "--fork",        "--mount-proc",
                          "--kill-child",  PTYD_PROGRAM,
                          "--socket",      folders.socket(),
                          "--runtime-dir", folders.runtime_dir(),
                          "--state-dir",   folders.state_dir(),
                          "--config",      folders.config_path()};
  ProcessOptions options;
  options.environment = {{"PTYD_SESSION_PROGRAM", PTYD_SESSION_PROGRAM},
                         {"DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent"},
                         {"ASAN_OPTIONS", "detect_leaks=0"}};
  Process container(command, options);
  ASSERT_TRUE(container.err().wait_for("is ready on"));
  auto client = folders.connect();
  const auto health = client.request("health").result;
  EXPECT_EQ(health.value("pid", 0), 1);
  const auto session = create(client, "stubborn", stubborn_command());
  ASSERT_TRUE(wait_printed(client, "stubborn", "armed"));
  // An orphan of the container's: its parent is killed, and it ends on its own.
  create(client, "orphans",
         {"bash", "-c", "for i in 1 2 3 4 5; do (setsid true &); done; echo made"});
  ASSERT_TRUE(wait_printed(client, "orphans", "made"));
  // The only child of unshare(1) is PID 1 of the namespace.
  const auto children = read_file("/proc/" + std::to_string(container.child().pid()) + "/task/" +
                                  std::to_string(container.child().pid()) + "/children");
  const auto init = static_cast<pid_t>(std::stol(children));
  EXPECT_TRUE(eventually([&] {
    const auto stat = run({"ps", "-o", "stat=", "--ppid", std::to_string(init)});
    return stat.out.find('Z') == std::string::npos;
  })) << "zombies are left";
  ASSERT_EQ(::kill(init, SIGTERM), 0);
  EXPECT_EQ(container.wait_exit(), kSuccess);
  EXPECT_TRUE(container.err().wait_for("Graceful shutdown complete"));
  EXPECT_EQ(record(folders, session.value("id", "")).value("state", ""), "stopped");
}

}  // namespace
}  // namespace ptyd::test
