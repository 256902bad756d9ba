// SPDX-License-Identifier: LGPL-2.1-or-later
// `ptyctl run`: sessions that are services of their own.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

DaemonOptions not_started() {
  DaemonOptions options;
  options.started = false;
  return options;
}

// A process as systemd would start it for ExecStart=.
class Service {
 public:
  Service(const Daemon& daemon, const Arguments& options, const Arguments& command,
          Environment environment = {})
      : notify_(folder_ / "notify"),
        process_(daemon.ptyctl_command(arguments(options, command)),
                 {.environment = with_notify(std::move(environment)), .cwd = folder_.path()}) {}

  Process& process() { return process_; }
  NotifySocket& notify() { return notify_; }
  [[nodiscard]] const TempDir& folder() const { return folder_; }
  std::optional<ExitResult> stop() {
    process_.signal(SIGTERM);
    return process_.wait_exit();
  }

 private:
  static Arguments arguments(const Arguments& options, const Arguments& command) {
    Arguments all{"run", "--name=console"};
    all.insert(all.end(), options.begin(), options.end());
    all.emplace_back("--");
    all.insert(all.end(), command.begin(), command.end());
    return all;
  }
  [[nodiscard]] Environment with_notify(Environment environment) const {
    environment["NOTIFY_SOCKET"] = notify_.path();
    environment["PTYD_SESSION_PROGRAM"] = PTYD_SESSION_PROGRAM;
    return environment;
  }

  TempDir folder_;
  NotifySocket notify_;
  Process process_;
};

Arguments bash(const std::string& script) { return {"bash", "-c", script}; }

// Ends with 3 when "stop" is typed.
Arguments server() {
  return bash(
      "echo server up; while read -r line; do"
      " if [ \"$line\" = stop ]; then exit 3; fi; echo \"got $line\"; done");
}

Json status_of(ProtocolClient& client, const std::string& session = "console") {
  const auto answer = client.request("status", {{"session", session}});
  return answer.result.is_object() ? answer.result : Json::object();
}

bool wait_state(ProtocolClient& client, const std::string& state) {
  return eventually([&] { return status_of(client).value("state", "") == state; });
}

bool is_up(ProtocolClient& client) {
  return eventually([&] {
    const auto state = status_of(client).value("state", "");
    return state == "active" || state == "idle";
  });
}

TEST(Run, EndsAsItsCommandDoes) {
  const Daemon daemon(not_started());
  {
    Service service(daemon, {}, bash("exit 7"));
    EXPECT_EQ(service.process().wait_exit(), (ExitResult{EndKind::kExited, 7}));
    EXPECT_TRUE(service.notify().wait_for("READY=1"));
    EXPECT_TRUE(service.notify().wait_for("STOPPING=1"));
    EXPECT_EQ(service.process().err().text(), "");
  }
  for (const int signal : {SIGKILL, SIGSEGV, SIGTERM, SIGINT}) {
    Service service(daemon, {}, bash("kill -" + std::to_string(signal) + " $$"));
    EXPECT_EQ(service.process().wait_exit(), (ExitResult{EndKind::kSignaled, signal}));
    EXPECT_FALSE(std::filesystem::exists(service.folder() / "core"));
  }
}

TEST(Run, SaysWhatCannotBeStarted) {
  const Daemon daemon(not_started());
  Service absent(daemon, {}, {"/nonexistent/program"});
  EXPECT_EQ(absent.process().wait_exit(), (ExitResult{EndKind::kExited, 127}));
  EXPECT_TRUE(absent.process().err().wait_for("cannot run /nonexistent/program: No such file"));
  EXPECT_FALSE(absent.notify().has("READY=1"));
  Service no_program(daemon, {}, {"/etc/passwd"});
  EXPECT_EQ(no_program.process().wait_exit(), (ExitResult{EndKind::kExited, 126}));
  EXPECT_TRUE(no_program.process().err().wait_for("cannot run /etc/passwd: Permission denied"));
  Service no_folder(daemon, {"--cwd=/nonexistent"}, {"true"});
  EXPECT_EQ(no_folder.process().wait_exit(), (ExitResult{EndKind::kExited, 1}));
  EXPECT_TRUE(no_folder.process().err().wait_for("cannot use the working folder /nonexistent"));
}

TEST(Run, BadUsageIsToldBeforeAnythingRuns) {
  const Daemon daemon(not_started());
  const auto complaint = [&](const Arguments& arguments) {
    const auto result = daemon.ptyctl(arguments);
    EXPECT_EQ(result.status, 2) << result;
    return result.err;
  };
  EXPECT_NE(complaint({"run", "--", "true"}).find("--name is required"), std::string::npos);
  EXPECT_NE(complaint({"run", "--name=console"}).find("there is no command"), std::string::npos);
  EXPECT_NE(complaint({"run", "--name=console", "--"}).find("there is no command"),
            std::string::npos);
  EXPECT_NE(complaint({"run", "--name=console", "java"}).find("put -- before the command"),
            std::string::npos);
  EXPECT_NE(complaint({"run", "--name=a b", "--", "true"}).find("a b"), std::string::npos);
  EXPECT_NE(complaint({"run", "--name=a", "--stop-timeout=soon", "--", "true"}).find("'soon'"),
            std::string::npos);
  EXPECT_NE(complaint({"run", "--name=a", "--", ""}).find("must not be empty"), std::string::npos);
}

TEST(Run, TheCommandGetsItsUnitsEnvironmentAndFolder) {
  const Daemon daemon(not_started());
  Service service(daemon, {"--env=MINE=1", "--size=50x132"},
                  bash("env > out.tmp; pwd > pwd.tmp; stty size > size.tmp; mv out.tmp out"),
                  {{"STATE_DIRECTORY", "/var/lib/mc"},
                   {"LISTEN_FDS", "1"},
                   {"JOURNAL_STREAM", "8:1"},
                   {"WATCHDOG_USEC", "500000000"},
                   {"TERM", std::nullopt}});
  ASSERT_EQ(service.process().wait_exit(), (ExitResult{EndKind::kExited, 0}));
  const auto environment = "\n" + read_file(service.folder() / "out");
  for (const char* entry : {"\nSTATE_DIRECTORY=/var/lib/mc\n", "\nMINE=1\n",
                            "\nTERM=xterm-256color\n", "\nPTYD_SESSION=console\n"})
    EXPECT_NE(environment.find(entry), std::string::npos) << entry << environment;
  for (const char* name : {"\nNOTIFY_SOCKET=", "\nLISTEN_", "\nJOURNAL_STREAM=", "\nWATCHDOG_",
                           "\nPTYD_SESSION_PROGRAM="})
    EXPECT_EQ(environment.find(name), std::string::npos) << name << environment;
  EXPECT_EQ(read_file(service.folder() / "pwd.tmp"), service.folder().path().string() + "\n");
  EXPECT_EQ(read_file(service.folder() / "size.tmp"), "50 132\n");
  EXPECT_TRUE(service.notify().wait_for("WATCHDOG=1"));
}

TEST(Run, AStopTypesTheStopInput) {
  const Daemon daemon(not_started());
  Service service(daemon, {"--stop-input=stop", "--stop-timeout=1min"}, server());
  ASSERT_TRUE(service.notify().wait_for("READY=1"));
  ASSERT_TRUE(service.notify().wait_for("STATUS=Running"));
  EXPECT_EQ(service.stop(), (ExitResult{EndKind::kExited, 3}));
  EXPECT_TRUE(service.notify().wait_for("STOPPING=1"));
}

TEST(Run, AStopEndsWhatDoesNotListen) {
  const Daemon daemon(not_started());
  Service polite(daemon, {"--stop-timeout=1min"}, {"sleep", "1000"});
  ASSERT_TRUE(polite.notify().wait_for("READY=1"));
  EXPECT_EQ(polite.stop(), (ExitResult{EndKind::kSignaled, SIGTERM}));
  Service stubborn(daemon, {"--stop-timeout=200ms"},
                   {"bash", "-c", "trap '' TERM HUP; touch armed; while :; do sleep 1000; done"});
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(stubborn.folder() / "armed"); }));
  EXPECT_EQ(stubborn.stop(), (ExitResult{EndKind::kSignaled, SIGKILL}));
}

TEST(Run, RunsWithoutADaemonAndIsThereWhenOneComes) {
  Daemon daemon(not_started());
  Service service(daemon, {"--stop-input=stop"}, server());
  ASSERT_TRUE(service.notify().wait_for("READY=1"));
  daemon.start();
  ASSERT_TRUE(daemon.wait_for_log("info: Adopted session console, a service"));
  auto client = daemon.connect();
  ASSERT_TRUE(is_up(client));
  const auto session = status_of(client);
  EXPECT_EQ(session.value("supervised", false), true);
  EXPECT_EQ(session.value("hostPid", 0), service.process().child().pid());
  EXPECT_EQ(session.value("stopInput", ""), "stop\n");
  ASSERT_TRUE(wait_printed(client, "console", "server up"));
  auto viewer = daemon.connect();
  ASSERT_TRUE(viewer.attach("console"));
  ASSERT_TRUE(viewer.input("hello\r"));
  ASSERT_TRUE(viewer.read_output_until("got hello"));
  EXPECT_TRUE(service.notify().wait_for("STATUS=Attachable as console, 1 attached"));
  ASSERT_TRUE(client.request("send", {{"session", "console"}}, "world\n").answered);
  ASSERT_TRUE(viewer.read_output_until("got world"));
  EXPECT_EQ(daemon.log().text().find("no record"), std::string::npos);
  // Who is attached is told the end before the process is gone.
  EXPECT_EQ(daemon.ptyctl({"terminate", "console"}).status, 0);
  EXPECT_TRUE(viewer.wait_ended());
  EXPECT_EQ(service.process().wait_exit(), (ExitResult{EndKind::kExited, 3}));
  EXPECT_EQ(status_of(client).value("exitStatus", -1), 3);
}

TEST(Run, AStopOfTheDaemonLeavesItAndTheNextOneTakesItOver) {
  Daemon daemon;
  Service service(daemon, {"--stop-input=stop"}, server());
  std::string id;
  {
    auto client = daemon.connect();
    ASSERT_TRUE(is_up(client));
    id = status_of(client).value("id", "");
    create(client, "own", {"sleep", "1000"});
  }
  auto viewer = daemon.connect();
  ASSERT_TRUE(viewer.attach("console"));
  EXPECT_EQ(daemon.terminate(), (ExitResult{EndKind::kExited, 0}));
  EXPECT_TRUE(daemon.wait_for_log("Terminating PTY for session own"));
  EXPECT_EQ(daemon.log().text().find("PTY for session console"), std::string::npos);
  const auto state = record(daemon, id).value("state", "");
  EXPECT_TRUE(state == "active" || state == "idle") << state;
  ASSERT_TRUE(viewer.input("alone\r"));
  ASSERT_TRUE(viewer.read_output_until("got alone"));
  EXPECT_EQ(viewer.output().find("Server shutting down"), std::string::npos);
  daemon.start();
  auto client = daemon.connect();
  ASSERT_TRUE(eventually([&] { return status_of(client).value("hostPid", 0) != 0; }));
  ASSERT_TRUE(is_up(client));
  EXPECT_EQ(status_of(client).value("id", ""), id);
  EXPECT_TRUE(status_of(client).value("supervised", false));
  ASSERT_TRUE(wait_printed(client, "console", "got alone"));
  EXPECT_EQ(service.stop(), (ExitResult{EndKind::kExited, 3}));
  EXPECT_TRUE(daemon.wait_for_log("Session console is being ended by a stop of its unit"));
  EXPECT_TRUE(daemon.wait_for_log("PTY for session console exited gracefully"));
  ASSERT_TRUE(wait_state(client, "stopped"));
  EXPECT_TRUE(viewer.wait_ended());
}

TEST(Run, ADrainDoesNotWaitForIt) {
  Daemon daemon;
  Service service(daemon, {}, server());
  auto client = daemon.connect();
  ASSERT_TRUE(is_up(client));
  EXPECT_EQ(client.request("drain", {{"exit", true}}).result.value("sessions", -1), 0);
  EXPECT_EQ(daemon.wait_exit(), (ExitResult{EndKind::kExited, 0}));
  EXPECT_TRUE(service.process().child().running());
}

TEST(Run, ARestartKeepsTheName) {
  Daemon daemon;
  auto client = daemon.connect();
  std::string last;
  for (int i = 0; i < 3; ++i) {
    Service service(daemon, {"--stop-input=stop"}, server());
    ASSERT_TRUE(eventually([&] {
      const auto session = status_of(client);
      return session.value("hostPid", 0) == service.process().child().pid();
    }));
    ASSERT_TRUE(is_up(client));
    EXPECT_NE(status_of(client).value("id", ""), last);
    last = status_of(client).value("id", "");
    EXPECT_EQ(client.request("list").items.size(), 1U);
    EXPECT_EQ(service.stop(), (ExitResult{EndKind::kExited, 3}));
    ASSERT_TRUE(wait_state(client, "stopped"));
  }
}

TEST(Run, ANameThatIsTakenGetsANumber) {
  Daemon daemon;
  auto client = daemon.connect();
  create(client, "console", {"sleep", "1000"});
  Service service(daemon, {}, server());
  ASSERT_TRUE(eventually([&] { return status_of(client, "console-2").contains("state"); }));
  EXPECT_TRUE(status_of(client, "console-2").value("supervised", false));
  EXPECT_FALSE(status_of(client).value("supervised", true));
}

TEST(Run, ItsRestartIsTheServiceManagers) {
  Daemon daemon;
  Service service(daemon, {}, server());
  auto client = daemon.connect();
  ASSERT_TRUE(is_up(client));
  const auto result = daemon.ptyctl({"restart", "console"});
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("restart its unit with systemctl"), std::string::npos) << result;
  EXPECT_TRUE(service.process().child().running());
}

// A daemon whose host does not obey kills the host, and nothing by the name of a unit.
TEST(Run, AHostThatHangsIsKilled) {
  Daemon daemon;
  Service service(daemon, {"--stop-timeout=100ms"}, server());
  auto client = daemon.connect();
  ASSERT_TRUE(is_up(client));
  ASSERT_TRUE(service.process().signal(SIGSTOP));
  const auto ended = client.request("terminate", {{"session", "console"}}).result;
  EXPECT_EQ(ended.value("endedBy", ""), "SIGKILL");
  EXPECT_EQ(service.process().wait_exit(), (ExitResult{EndKind::kSignaled, SIGKILL}));
}

// The same signal, to the host of a session that the daemon has started.
// A signal that came just before bash was in `read` had its trap run only when that returned, which
// was never: so it returns by itself.
TEST(UnitStop, IsToldAtOnce) {
  Daemon daemon;
  auto client = daemon.connect();
  const auto session =
      create(client, "job",
             bash("trap 'echo told' TERM; echo armed; until read -t 1 -r x; do :; done; exit 4"),
             {{"stopTimeoutMs", 60'000}});
  ASSERT_TRUE(wait_printed(client, "job", "armed"));
  ASSERT_EQ(::kill(session.value("hostPid", 0), SIGTERM), 0);
  ASSERT_TRUE(
      eventually([&] { return status_of(client, "job").value("state", "") == "stopping"; }));
  EXPECT_TRUE(daemon.wait_for_log("Session job is being ended by a stop of its unit"));
  ASSERT_TRUE(wait_printed(client, "job", "told"));
  ASSERT_TRUE(client.request("send", {{"session", "job"}}, "\n").answered);
  EXPECT_EQ(client.request("wait", {{"session", "job"}}).result.value("exitStatus", -1), 4);
  EXPECT_TRUE(daemon.wait_for_log("PTY for session job exited gracefully"));
}

TEST(UnitStop, IsToldToTheNextDaemonToo) {
  Daemon daemon;
  std::string id;
  {
    auto client = daemon.connect();
    const auto session = create(
        client, "job", bash("trap : TERM; echo armed; until read -t 1 -r x; do :; done; exit 4"),
        {{"stopTimeoutMs", 60'000}});
    id = session.value("id", "");
    ASSERT_TRUE(wait_printed(client, "job", "armed"));
    ASSERT_TRUE(eventually([&] { return record(daemon, id).value("state", "") == "active"; }));
    daemon.kill9();
    ASSERT_EQ(::kill(session.value("hostPid", 0), SIGTERM), 0);
  }
  daemon.start();
  auto client = daemon.connect();
  ASSERT_TRUE(
      eventually([&] { return status_of(client, "job").value("state", "") == "stopping"; }));
  ASSERT_TRUE(client.request("send", {{"session", "job"}}, "\n").answered);
  EXPECT_EQ(client.request("wait", {{"session", "job"}}).result.value("exitStatus", -1), 4);
}

}  // namespace
}  // namespace ptyd::test
