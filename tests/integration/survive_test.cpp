// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

// The state of a session by name, or "" when it is not known.
std::string state_of(ProtocolClient& client, const std::string& session) {
  const auto answer = client.request("status", {{"session", session}});
  return answer.result.is_object() ? answer.result.value("state", "") : "";
}

TEST(Survive, AnAttachedClientNoticesNothing) {
  Daemon daemon;
  auto client = daemon.connect();
  const auto before = create_shell(client, "shell");
  auto viewer = daemon.connect();
  ASSERT_TRUE(viewer.attach("shell"));
  ASSERT_TRUE(viewer.input("echo be''fore\n"));
  ASSERT_TRUE(viewer.read_output_until("before"));
  daemon.kill9();
  ASSERT_TRUE(viewer.input("echo with''out\n"));
  ASSERT_TRUE(viewer.read_output_until("without")) << "the session stood still without its daemon";
  daemon.start();
  auto later = daemon.connect();
  ASSERT_TRUE(eventually([&] { return state_of(later, "shell") == "active"; }));
  const auto after = later.request("status", {{"session", "shell"}}).result;
  EXPECT_EQ(after.value("id", ""), before.value("id", ""));
  EXPECT_EQ(after.value("pid", 0), before.value("pid", 1));
  ASSERT_TRUE(viewer.input("echo af''ter\n"));
  ASSERT_TRUE(viewer.read_output_until("after"));
  EXPECT_EQ(viewer.missed(), 0U);
  // All verbs work on it.
  ASSERT_TRUE(later.request("send", {{"session", "shell"}}, "echo fr''om-send\n").answered);
  ASSERT_TRUE(viewer.read_output_until("from-send"));
  EXPECT_NE(captured(later, "shell").find("without"), std::string::npos);
  auto second = daemon.connect();
  ASSERT_TRUE(second.attach("shell"));
  EXPECT_TRUE(eventually([&] {
    return later.request("status", {{"session", "shell"}}).result.value("clients", 0) == 2;
  }));
  const auto ended = later.request("terminate", {{"session", "shell"}}).result;
  EXPECT_EQ(ended.value("endedBy", ""), "SIGHUP");
}

// Numbered lines as fast as they come, the daemon killed again and again: no line may be missing,
// doubled or out of order, for a client that was attached all the time nor in the scrollback.
TEST(Survive, NoByteIsLostOrDoubledOverManyKills) {
  constexpr int kKills = 15;
  constexpr int kLast = 400'000;
  Daemon daemon;
  auto client = daemon.connect();
  create(client, "counter",
         {"bash", "-c", "read; seq 1 " + std::to_string(kLast) + "; echo the-end; read; exit 5"});
  auto viewer = daemon.connect();
  ASSERT_TRUE(viewer.attach("counter"));
  ASSERT_TRUE(viewer.input("\n"));
  // Reads all the time: nothing may be lost for who keeps up, whatever becomes of the daemon.
  std::thread reader([&] { EXPECT_TRUE(viewer.read_output_until("the-end")); });
  for (int i = 0; i < kKills; ++i) {
    daemon.kill9();
    daemon.start();
    auto later = daemon.connect();
    EXPECT_TRUE(eventually([&] { return state_of(later, "counter") == "active"; }));
  }
  reader.join();
  EXPECT_EQ(viewer.missed(), 0U);
  std::string expected;
  for (int i = 1; i <= kLast; ++i) expected += std::to_string(i) + "\r\n";
  expected += "the-end\r\n";
  const auto& output = viewer.output();
  ASSERT_GE(output.size(), expected.size());
  EXPECT_TRUE(output.compare(output.size() - expected.size(), expected.size(), expected) == 0);
  auto later = daemon.connect();
  const auto scrollback = captured(later, "counter");
  EXPECT_TRUE(expected.ends_with(scrollback)) << scrollback.size();
  // The exit status is right though the daemon that started it is long gone.
  daemon.kill9();
  ASSERT_TRUE(viewer.input("\n"));
  ASSERT_TRUE(viewer.wait_ended());
  daemon.start();
  auto last = daemon.connect();
  const auto answer = last.request("wait", {{"session", "counter"}}).result;
  EXPECT_EQ(answer.value("endedBy", ""), "exited");
  EXPECT_EQ(answer.value("exitStatus", -1), 5);
}

TEST(Survive, WhatIsAskedBeforeTheHostIsBackWaitsForIt) {
  Daemon daemon;
  {
    auto client = daemon.connect();
    create_shell(client, "shell");
  }
  daemon.kill9();
  daemon.start();
  auto viewer = daemon.connect();
  ASSERT_TRUE(viewer.attach("shell"));
  ASSERT_TRUE(viewer.input("echo st''ill\n"));
  EXPECT_TRUE(viewer.read_output_until("still"));
}

TEST(Survive, AKilledHostCostsItsSessionOnly) {
  Daemon daemon;
  auto client = daemon.connect();
  const auto doomed = create(client, "doomed", {"bash", "-c", "echo last-words; sleep 1000"});
  create_shell(client, "other");
  ASSERT_TRUE(wait_printed(client, "doomed", "last-words"));
  auto viewer = daemon.connect();
  ASSERT_TRUE(viewer.attach("doomed"));
  ASSERT_EQ(::kill(doomed.value("hostPid", 0), SIGKILL), 0);
  const auto lost = client.request("wait", {{"session", "doomed"}}).result;
  EXPECT_EQ(lost.value("state", ""), "error");
  EXPECT_EQ(lost.value("endedBy", ""), "lost");
  EXPECT_TRUE(viewer.wait_closed());
  EXPECT_NE(captured(client, "doomed").find("last-words"), std::string::npos);
  EXPECT_EQ(state_of(client, "other"), "active");
  EXPECT_TRUE(daemon.wait_for_log("error: Session doomed is lost"));
}

// What the disk says was running and nobody registers is lost.
TEST(Survive, SessionsThatDoNotComeBackAreLost) {
  Daemon daemon;
  std::string id;
  pid_t host = 0;
  {
    auto client = daemon.connect();
    const auto session = create_shell(client, "shell");
    id = session.value("id", "");
    host = session.value("hostPid", 0);
    ASSERT_TRUE(eventually([&] {
      const auto written = record(daemon, id);
      return written.is_object() && written.value("hostPid", 0) == host;
    }));
  }
  daemon.kill9();
  ASSERT_EQ(::kill(host, SIGKILL), 0);
  ASSERT_TRUE(eventually([&] { return daemon.hosts().empty(); }));
  daemon.start();
  auto client = daemon.connect();
  ASSERT_TRUE(eventually([&] { return state_of(client, "shell") == "error"; }));
  const auto lost = client.request("status", {{"session", "shell"}}).result;
  EXPECT_EQ(lost.value("endedBy", ""), "lost");
}

TEST(Survive, AnotherBootIsNamed) {
  Daemon daemon;
  std::string id;
  {
    auto client = daemon.connect();
    id = create(client, "job", {"true"}).value("id", "");
    ASSERT_TRUE(client.request("wait", {{"session", "job"}}).answered);
  }
  EXPECT_TRUE(daemon.terminate());
  auto old = record(daemon, id);
  old["state"] = "active";
  old["endedBy"] = nullptr;
  old["bootId"] = "some other boot";
  write_file(daemon.state_dir() + "/sessions/" + id + ".json", old.dump());
  daemon.start();
  auto client = daemon.connect();
  const auto session = client.request("status", {{"session", "job"}}).result;
  EXPECT_EQ(session.value("state", ""), "error");
  EXPECT_EQ(session.value("endedBy", ""), "reboot");
}

TEST(Survive, SessionsWithoutARecordAreAdopted) {
  Daemon daemon;
  {
    auto client = daemon.connect();
    create_shell(client, "shell", {{"cwd", "/"}});
  }
  daemon.kill9();
  std::filesystem::remove_all(daemon.state_dir() + "/sessions");
  daemon.start();
  ASSERT_TRUE(daemon.wait_for_log("Adopted session shell, of which there was no record"));
  auto client = daemon.connect();
  EXPECT_EQ(client.request("status", {{"session", "shell"}}).result.value("cwd", ""), "/");
  auto viewer = daemon.connect();
  ASSERT_TRUE(viewer.attach("shell"));
  ASSERT_TRUE(viewer.input("echo ado''pted\n"));
  EXPECT_TRUE(viewer.read_output_until("adopted"));
}

TEST(Survive, DamagedRecordsAreSetAside) {
  Daemon daemon;
  EXPECT_TRUE(daemon.terminate());
  const auto path = daemon.state_dir() + "/sessions/0123456789abcdef.json";
  write_file(path, "{\"id\": \"0123456789abcdef\"}");
  daemon.start();
  EXPECT_TRUE(
      daemon.wait_for_log("error: State: .*0123456789abcdef.json: 'formatVersion' is missing"));
  EXPECT_TRUE(std::filesystem::exists(path + ".corrupt"));
  EXPECT_FALSE(std::filesystem::exists(path));
}

// A command ended while the daemon was away, and its record still said "starting": the session hung
// in that state, and its host was never released.
TEST(Survive, ACommandThatEndedBeforeItsStartWasRecordedHasEnded) {
  Daemon daemon;
  std::string id;
  Json starting;
  {
    auto client = daemon.connect();
    id = create(client, "job", {"bash", "-c", "read; exit 6"}).value("id", "");
    ASSERT_TRUE(eventually([&] {
      starting = record(daemon, id);
      return starting.is_object() && starting.value("state", "") == "active";
    }));
  }
  auto viewer = daemon.connect();
  ASSERT_TRUE(viewer.attach("job"));
  daemon.kill9();
  starting["state"] = "starting";
  starting["startedAt"] = nullptr;
  starting["hostPid"] = 0;
  write_file(daemon.state_dir() + "/sessions/" + id + ".json", starting.dump());
  ASSERT_TRUE(viewer.input("\n"));
  ASSERT_TRUE(viewer.wait_ended());
  daemon.start();
  auto client = daemon.connect();
  const auto ended = client.request("wait", {{"session", "job"}}).result;
  EXPECT_EQ(ended.value("state", ""), "stopped");
  EXPECT_EQ(ended.value("exitStatus", -1), 6);
  EXPECT_TRUE(eventually([&] { return daemon.hosts().empty(); })) << "the host is not released";
}

// A session that was being ended when the daemon died had no deadline with the next one.
TEST(Survive, ASessionThatWasBeingEndedIsEndedByTheNextDaemon) {
  Daemon daemon(DaemonOptions{.config = "sessions: {stop_timeout: 300ms}\n"});
  pid_t host = 0;
  {
    auto client = daemon.connect();
    const auto session = create(client, "stubborn", stubborn_command());
    host = session.value("hostPid", 0);
    ASSERT_TRUE(wait_printed(client, "stubborn", "armed"));
    ASSERT_EQ(::kill(host, SIGSTOP), 0);
    client.begin_request("terminate", {{"session", "stubborn"}});
    ASSERT_TRUE(eventually([&] {
      const auto written = record(daemon, session.value("id", ""));
      return written.is_object() && written.value("state", "") == "stopping";
    }));
  }
  daemon.kill9();
  ASSERT_EQ(::kill(host, SIGCONT), 0);
  daemon.start();
  auto client = daemon.connect();
  const auto ended = client.request("wait", {{"session", "stubborn"}}).result;
  EXPECT_EQ(ended.value("endedBy", ""), "SIGKILL");
}

// A stranger that claims to be a session host gets nothing, and the session is as before.
TEST(Survive, ForgedRegistrationsAreRefused) {
  Daemon daemon;
  auto client = daemon.connect();
  const auto session = create_shell(client, "shell");
  const auto code = [&](const Register& registration) {
    ProtocolClient forger(daemon.socket());
    EXPECT_TRUE(forger.hello(Role::kHost));
    EXPECT_TRUE(forger.send(registration));
    const auto frame = forger.next_frame(FrameType::kError);
    EXPECT_TRUE(forger.wait_closed());
    return frame ? decode<ProtocolError>(frame->payload)->code : std::string("no answer");
  };
  Register same;
  same.phase = HostPhase::kRunning;
  same.id = session.value("id", "");
  EXPECT_EQ(code(same), "exists");
  same.phase = HostPhase::kNew;
  EXPECT_EQ(code(same), "exists");
  Register unknown;
  unknown.id = "0123456789abcdef";
  EXPECT_EQ(code(unknown), "not-found");
  unknown.phase = HostPhase::kRunning;
  EXPECT_EQ(code(unknown), "bad-request");
  unknown.id = "../../etc/passwd";
  EXPECT_EQ(code(unknown), "bad-request");
  EXPECT_EQ(client.request("list").items.size(), 1U);
  auto viewer = daemon.connect();
  EXPECT_TRUE(viewer.attach("shell"));
}

// A registration that is in order but for its scrollback leaves no session behind.
TEST(Survive, ARegistrationWithoutAScrollbackIsRefused) {
  Daemon daemon;
  SessionSpec spec;
  spec.id = "0123456789abcdef";
  spec.name = "forged";
  spec.command = {"x"};
  Register registration;
  registration.phase = HostPhase::kRunning;
  registration.id = spec.id;
  registration.spec = encode(spec);
  ProtocolClient forger(daemon.socket());
  ASSERT_TRUE(forger.hello(Role::kHost));
  ASSERT_TRUE(forger.send(registration));
  EXPECT_TRUE(forger.wait_closed());
  EXPECT_TRUE(daemon.wait_for_log("the registration brings no valid scrollback"));
  auto client = daemon.connect();
  EXPECT_TRUE(client.request("list").items.empty());
}

}  // namespace
}  // namespace ptyd::test
