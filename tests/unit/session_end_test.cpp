// SPDX-License-Identifier: LGPL-2.1-or-later
// How the session host ends its command and all that the command left behind.
#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "common/process_tree.hpp"
#include "tests/unit/session_driver.hpp"

namespace ptyd::test {
namespace {

SessionSpec bash(const std::string& script) {
  return SessionDriver::spec_for({"/bin/bash", "-c", script});
}

std::uint32_t terminate(SessionDriver& daemon, std::uint32_t timeout_ms = 0) {
  HostTerminate order;
  order.timeout_ms = timeout_ms;
  const auto done = daemon.request(order);
  return done ? done->error : ~0U;
}

// The pid that a script printed as "pid N".
pid_t printed_pid(const TestViewer& viewer) {
  int pid = 0;
  const auto at = viewer.output.find("pid ");
  if (at == std::string::npos || std::sscanf(viewer.output.c_str() + at, "pid %d", &pid) != 1)
    ADD_FAILURE() << viewer.output;
  return pid;
}

TEST(SessionEnd, AnInteractiveShellEndsByItself) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_command({"/bin/bash", "--norc", "-i"}));
  auto viewer = daemon.attach();
  viewer->type("echo rea''dy\n");
  ASSERT_TRUE(viewer->wait_text("ready"));
  EXPECT_EQ(terminate(daemon), 0U);
  const auto ended = daemon.finish();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->kind, EndKind::kSignaled);
  EXPECT_EQ(ended->value, SIGHUP);
  EXPECT_EQ(ended->forced, 0);
  EXPECT_TRUE(viewer->wait_ended());
}

TEST(SessionEnd, AStoppedCommandIsWokenToEnd) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash(
      "trap 'exit 3' TERM; echo ready; kill -STOP $$; while :; do sleep 0.02; done"));
  auto viewer = daemon.attach();
  ASSERT_TRUE(viewer->wait_text("ready"));
  EXPECT_EQ(terminate(daemon), 0U);
  const auto ended = daemon.finish();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->value, 3);
  EXPECT_EQ(ended->forced, 0);
}

TEST(SessionEnd, WhatIgnoresSignalsIsKilledWithItsWholeTree) {
  SessionDriver daemon;
  // A grandchild of its own session, whose parents have gone, ignoring all it may.
  ASSERT_TRUE(daemon.start_bash(
      "trap '' TERM HUP; (setsid bash -c 'trap \"\" TERM HUP INT; (sleep 1000; :) & "
      "echo pid $$; while :; do sleep 1000; done' &) ; while :; do sleep 1000; done"));
  auto viewer = daemon.attach();
  ASSERT_TRUE(viewer->wait_text("pid "));
  ASSERT_TRUE(viewer->wait_text("\n"));
  const auto grandchild = printed_pid(*viewer);
  EXPECT_EQ(::kill(grandchild, 0), 0);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(terminate(daemon, 300), 0U);
  const auto ended = daemon.link().next_message<HostEnded>();
  ASSERT_TRUE(ended);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(250));
  EXPECT_EQ(ended->kind, EndKind::kSignaled);
  EXPECT_EQ(ended->value, SIGKILL);
  EXPECT_EQ(ended->forced, 1);
  EXPECT_EQ(::kill(grandchild, 0), -1);
  EXPECT_TRUE(descendants(daemon.host().pid()).empty());
  EXPECT_TRUE(viewer->wait_ended());
  daemon.link().send(FrameType::kRelease);
  EXPECT_TRUE(daemon.host().wait_exit());
}

// Starts a host that was made with a child already, as PID 1 does for PAM; the child and all below
// it, `count` in all. The host may greet before that child has made one of its own.
std::vector<pid_t> start_with_foreign_child(SessionDriver& daemon, const std::string& child,
                                            std::size_t count) {
  daemon.start_host_by({"/bin/bash", "-c", "(" + child + ") & exec \"$@\"", "starter"});
  EXPECT_TRUE(daemon.accept_host());
  std::vector<pid_t> foreign;
  EXPECT_TRUE(eventually([&] {
    foreign = descendants(daemon.host().pid());
    return foreign.size() == count;
  }));
  return foreign;
}

TEST(SessionEnd, ChildrenThatWereThereBeforeAreLeftAlone) {
  SessionDriver daemon;
  const auto foreign = start_with_foreign_child(daemon, "sleep 1000; :", 2);
  ASSERT_EQ(foreign.size(), 2U);
  daemon.link().send(
      bash("trap '' TERM HUP; (sleep 1000 &); echo ready; while :; do sleep 1000; done"));
  ASSERT_TRUE(daemon.link().next_message<Started>());
  auto viewer = daemon.attach();
  ASSERT_TRUE(viewer->wait_text("ready"));
  HostSignal usr1;
  usr1.signal = SIGUSR2;  // ends who does not expect it
  EXPECT_EQ(daemon.request(usr1)->error, 0U);
  EXPECT_EQ(terminate(daemon, 200), 0U);
  const auto ended = daemon.link().next_message<HostEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(descendants(daemon.host().pid()), foreign);
  for (const auto pid : foreign) EXPECT_FALSE(ignores_signal(pid, SIGTERM));
  // Nothing of the session's is left to be signalled.
  EXPECT_NE(daemon.request(usr1)->error, 0U);
  EXPECT_EQ(descendants(daemon.host().pid()), foreign);
  for (const auto pid : foreign) EXPECT_TRUE(signal_descendant(daemon.host().pid(), pid, SIGKILL));
  daemon.link().send(FrameType::kRelease);
  EXPECT_EQ(daemon.host().wait_exit(), (ExitResult{EndKind::kExited, 0}));
}

TEST(SessionEnd, AnExitedCommandIsGoneThoughAForeignChildStays) {
  SessionDriver daemon;
  const auto foreign = start_with_foreign_child(daemon, "exec sleep 1000", 1);
  ASSERT_EQ(foreign.size(), 1U);
  daemon.link().send(bash("exit 6"));
  ASSERT_TRUE(daemon.link().next_message<Started>());
  const auto ended = daemon.link().next_message<HostEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->value, 6);
  EXPECT_EQ(ended->forced, 0);
  EXPECT_EQ(descendants(daemon.host().pid()), foreign);
}

TEST(SessionEnd, AForeignChildMayEndFirst) {
  SessionDriver daemon;
  const auto foreign = start_with_foreign_child(daemon, "exec sleep 1000", 1);
  ASSERT_EQ(foreign.size(), 1U);
  daemon.link().send(bash("(sleep 1000 &); echo ready; read x"));
  ASSERT_TRUE(daemon.link().next_message<Started>());
  auto viewer = daemon.attach();
  ASSERT_TRUE(viewer->wait_text("ready"));
  ASSERT_EQ(::kill(foreign[0], SIGKILL), 0);
  viewer->type("\n");
  const auto ended = daemon.finish();  // with the end of what the command left behind
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->value, 0);
}

TEST(SessionEnd, AShorterTimeoutWins) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash("trap '' TERM HUP; echo ready; while :; do sleep 1000; done"));
  auto viewer = daemon.attach();
  ASSERT_TRUE(viewer->wait_text("ready"));
  EXPECT_EQ(terminate(daemon, 3'600'000), 0U);
  EXPECT_EQ(terminate(daemon, 100), 0U);
  EXPECT_EQ(terminate(daemon, 3'600'000), 0U);
  const auto ended = daemon.finish();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->forced, 1);
}

TEST(SessionEnd, NobodyIsAskedTwice) {
  SessionDriver daemon;
  ASSERT_TRUE(
      daemon.start_bash("n=0; trap 'n=$((n+1)); echo term $n' TERM; trap '' HUP; "
                        "echo ready; until [ $n -ge 1 ]; do sleep 0.01; done; "
                        "read x; exit $n"));
  auto viewer = daemon.attach();
  ASSERT_TRUE(viewer->wait_text("ready"));
  EXPECT_EQ(terminate(daemon, 60'000), 0U);
  ASSERT_TRUE(viewer->wait_text("term 1"));
  EXPECT_EQ(terminate(daemon, 50'000), 0U);
  viewer->type("\n");
  const auto ended = daemon.finish();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->value, 1);
}

TEST(SessionEnd, StopInputComesBeforeSignals) {
  SessionDriver daemon;
  auto spec = bash("trap 'exit 99' TERM HUP; echo ready; read x; [ \"$x\" = 'say bye' ] && exit 4");
  spec.stop_input = "say bye";
  spec.stop_timeout_ms = 60'000;
  ASSERT_TRUE(daemon.start(spec));
  auto viewer = daemon.attach();
  ASSERT_TRUE(viewer->wait_text("ready"));
  EXPECT_EQ(terminate(daemon), 0U);
  const auto ended = daemon.finish();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->value, 4);
  EXPECT_EQ(ended->forced, 0);
}

TEST(SessionEnd, SignalsFollowWhenStopInputDoesNotHelp) {
  SessionDriver daemon;
  auto spec = bash("trap 'exit 5' TERM; echo ready; while :; do sleep 0.02; done");
  spec.stop_input = "stop\n";
  spec.stop_timeout_ms = 2'000;
  ASSERT_TRUE(daemon.start(spec));
  auto viewer = daemon.attach();
  ASSERT_TRUE(viewer->wait_text("ready"));
  EXPECT_EQ(terminate(daemon), 0U);
  const auto ended = daemon.finish();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->value, 5);
  EXPECT_EQ(ended->forced, 0);
}

TEST(SessionEnd, BackgroundJobsEndWithTheSessionAndViewersDoNotWait) {
  SessionDriver daemon;
  TempDir folder;
  const auto file = folder / "ready";
  auto spec = bash("(trap '' TERM HUP; >" + file +
                   "; while :; do sleep 1000; done) & "
                   "echo pid $!; until [ -e " +
                   file + " ]; do sleep 0.01; done; exit 6");
  spec.stop_timeout_ms = 1'000;
  ASSERT_TRUE(daemon.start(spec));
  auto viewer = daemon.attach();
  ASSERT_TRUE(viewer->wait_ended());
  EXPECT_EQ(viewer->ended->value, 6);
  const auto job = printed_pid(*viewer);
  EXPECT_EQ(::kill(job, 0), 0);  // its second has not passed
  const auto ended = daemon.finish();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->kind, EndKind::kExited);
  EXPECT_EQ(ended->value, 6);
  EXPECT_EQ(ended->forced, 1);
  EXPECT_EQ(::kill(job, 0), -1);
}

TEST(SessionEnd, TheLastOutputIsNotLost) {
  for (int i = 0; i < 20; ++i) {
    SessionDriver daemon;
    ASSERT_TRUE(
        daemon.start_bash("stty -echo; read x; head -c 9000 /dev/zero | tr '\\0' x; "
                          "printf end"));
    auto viewer = daemon.attach();
    viewer->type("\n");
    ASSERT_TRUE(viewer->wait_ended());
    ASSERT_TRUE(viewer->output.ends_with("xend")) << i;
    ASSERT_TRUE(daemon.finish());
  }
}

TEST(SessionEnd, ACommandThatLeavesItsTerminalLivesOn) {
  SessionDriver daemon;
  TempDir folder;
  ASSERT_TRUE(daemon.start_bash("echo away; exec </dev/null >/dev/null 2>&1; until [ -e " +
                                (folder / "go") +
                                " ]; do sleep 0.02; done; "
                                "echo back >/dev/tty; exit 8"));
  auto viewer = daemon.attach();
  ASSERT_TRUE(viewer->wait_text("away"));
  write_file(folder / "go", "");
  ASSERT_TRUE(viewer->wait_ended());
  EXPECT_NE(viewer->output.find("back"), std::string::npos);
  EXPECT_EQ(daemon.finish()->value, 8);
}

TEST(SessionEnd, OrphansAreReapedWhileTheCommandRuns) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash("for i in {1..50}; do (true &) ; done; echo done; read x"));
  auto viewer = daemon.attach();
  ASSERT_TRUE(viewer->wait_text("done"));
  const Deadline deadline(kPatience);
  while (descendants(daemon.host().pid()).size() != 1 && !deadline.passed()) ::usleep(1000);
  EXPECT_EQ(descendants(daemon.host().pid()).size(), 1U);
}

TEST(SessionEnd, SigtermToTheHostEndsTheSessionInOrder) {
  SessionDriver daemon;
  ASSERT_TRUE(
      daemon.start_bash("trap 'echo bye; exit 2' TERM; echo ready; "
                        "while :; do sleep 0.02; done"));
  auto viewer = daemon.attach();
  ASSERT_TRUE(viewer->wait_text("ready"));
  daemon.host().signal(SIGHUP);  // means nothing to it
  daemon.host().signal(SIGTERM);
  ASSERT_TRUE(viewer->wait_ended());
  EXPECT_NE(viewer->output.find("bye"), std::string::npos);
  const auto ended = daemon.finish();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->value, 2);
}

TEST(SessionEnd, AStoppedHostDoesNotStayForADaemonThatIsGone) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_command({"sleep", "1000"}));
  daemon.link().close();
  daemon.host().signal(SIGTERM);
  const auto exit = daemon.host().wait_exit();
  EXPECT_TRUE(exit && *exit == (ExitResult{EndKind::kExited, 0}));
}

TEST(SessionEnd, LateViewersAreShownTheEnd) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash("echo last words; exit 1"));
  ASSERT_TRUE(daemon.link().next_message<HostEnded>());
  for (int i = 0; i < 2; ++i) {
    auto viewer = daemon.attach();
    EXPECT_TRUE(viewer->wait_ended());
    EXPECT_EQ(viewer->output, "last words\r\n");
    EXPECT_EQ(viewer->ended->value, 1);
    EXPECT_TRUE(viewer->wait_closed());
  }
  daemon.link().send(FrameType::kRelease);
  EXPECT_TRUE(daemon.host().wait_exit());
}

}  // namespace
}  // namespace ptyd::test
