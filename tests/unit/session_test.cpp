// SPDX-License-Identifier: LGPL-2.1-or-later
// The session host as a daemon sees it: starting, the command's surroundings, the control link.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "common/scrollback/reader.hpp"
#include "session/environment.hpp"
#include "session/spec_check.hpp"
#include "tests/support/sessions.hpp"
#include "tests/unit/session_driver.hpp"

namespace ptyd::test {
namespace {

SessionSpec bash(const std::string& script) {
  return SessionDriver::spec_for({"/bin/bash", "-c", script});
}

// Runs the script to its end; all that it printed, with "\n" lines.
std::string output_of(const SessionSpec& spec, const Environment& environment = {}) {
  SessionDriver daemon;
  EXPECT_TRUE(daemon.start(spec, environment));
  const auto ended = daemon.link().next_message<HostEnded>();
  EXPECT_TRUE(ended);
  auto viewer = daemon.attach();
  EXPECT_TRUE(viewer->wait_ended());
  daemon.link().send(FrameType::kRelease);
  EXPECT_TRUE(daemon.host().wait_exit());
  std::string text = viewer->output;
  std::erase(text, '\r');
  return text;
}

TEST(Session, RegistersStartsAndReportsTheEnd) {
  SessionDriver daemon;
  daemon.start_host();
  const auto registration = daemon.accept_host();
  ASSERT_TRUE(registration);
  EXPECT_EQ(registration->phase, HostPhase::kNew);
  EXPECT_EQ(registration->id, kTestSessionId);
  daemon.link().send(bash("exit 7"));
  const auto started = daemon.link().next_message<Started>();
  ASSERT_TRUE(started);
  EXPECT_GT(started->command_pid, 0U);
  EXPECT_TRUE(started->terminal.starts_with("/dev/pts/")) << started->terminal;
  EXPECT_GT(started->started_at, 0);
  EXPECT_TRUE(daemon.link().take_fd());
  const auto ended = daemon.finish();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->kind, EndKind::kExited);
  EXPECT_EQ(ended->value, 7);
  EXPECT_EQ(ended->forced, 0);
  EXPECT_GE(ended->ended_at, started->started_at);
}

TEST(Session, ReportsTheSignalThatEndedTheCommand) {
  for (const int signal : {SIGKILL, SIGTERM, SIGSEGV}) {
    SessionDriver daemon;
    ASSERT_TRUE(daemon.start_bash("ulimit -c 0; kill -" + std::to_string(signal) + " $$"));
    const auto ended = daemon.finish();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->kind, EndKind::kSignaled);
    EXPECT_EQ(ended->value, signal);
    EXPECT_EQ(ended->forced, 0);
  }
}

void expect_start_failure(const SessionSpec& spec, const std::string& stage, int error) {
  SessionDriver daemon;
  daemon.start_host();
  ASSERT_TRUE(daemon.accept_host());
  daemon.link().send(spec);
  const auto failed = daemon.link().next_message<StartFailed>();
  ASSERT_TRUE(failed) << stage;
  EXPECT_EQ(failed->stage, stage);
  EXPECT_EQ(static_cast<int>(failed->error), error);
  const auto exit = daemon.host().wait_exit();
  EXPECT_TRUE(exit && *exit == (ExitResult{EndKind::kExited, 1}));
}

TEST(Session, ReportsWhyACommandCouldNotStart) {
  expect_start_failure(SessionDriver::spec_for({"/does/not/exist"}), "exec", ENOENT);
  expect_start_failure(SessionDriver::spec_for({"no-such-program-on-any-path"}), "exec", ENOENT);
  expect_start_failure(SessionDriver::spec_for({"/etc/passwd"}), "exec", EACCES);
  auto spec = bash("true");
  spec.cwd = "/does/not/exist";
  expect_start_failure(spec, "cwd", ENOENT);
  spec.cwd = "/etc/passwd";
  expect_start_failure(spec, "cwd", ENOTDIR);
}

TEST(Session, RefusesABadSpec) {
  auto good = bash("true");
  EXPECT_EQ(spec_problem(good, kTestSessionId), "");
  auto spec = good;
  spec.id = "fedcba9876543210";
  expect_start_failure(spec, "spec", EINVAL);
  const auto refused = [&](auto change) {
    auto bad = good;
    change(bad);
    return !spec_problem(bad, kTestSessionId).empty();
  };
  EXPECT_TRUE(refused([](auto& s) { s.name = "../x"; }));
  EXPECT_TRUE(refused([](auto& s) { s.command = {}; }));
  EXPECT_TRUE(refused([](auto& s) { s.command = {""}; }));
  EXPECT_TRUE(refused([](auto& s) { s.command.push_back(std::string("a\0b", 3)); }));
  EXPECT_TRUE(refused([](auto& s) { s.environment = {"NOVALUE"}; }));
  EXPECT_TRUE(refused([](auto& s) { s.environment = {"=x"}; }));
  EXPECT_TRUE(refused([](auto& s) { s.cwd = std::string("/\0", 2); }));
  EXPECT_TRUE(refused([](auto& s) { s.rows = 0; }));
  EXPECT_TRUE(refused([](auto& s) { s.columns = 60000; }));
}

TEST(Session, GivesUpWithoutADaemon) {
  {
    SessionDriver daemon;
    daemon.start_host();
    ASSERT_TRUE(daemon.accept_host());
    daemon.link().send(ProtocolError{"not-found", "no such session"});
    const auto exit = daemon.host().wait_exit();
    EXPECT_TRUE(exit && *exit == (ExitResult{EndKind::kExited, 1}));
  }
  Child child({PTYD_SESSION_PROGRAM, "--socket", "/does/not/exist", "--id", kTestSessionId}, {}, "",
              {-1, 2, 2, {}});
  const auto exit = child.wait_exit();
  EXPECT_TRUE(exit && *exit == (ExitResult{EndKind::kExited, 1}));
}

TEST(Session, UsageErrors) {
  for (const auto& arguments :
       {Arguments{PTYD_SESSION_PROGRAM}, Arguments{PTYD_SESSION_PROGRAM, "--wrong"},
        Arguments{PTYD_SESSION_PROGRAM, "--socket", "/x", "--id", "../../etc"},
        Arguments{PTYD_SESSION_PROGRAM, "--socket", "/x", "--id", kTestSessionId, "extra"}}) {
    Child child(arguments, {}, "", {-1, 2, 2, {}});
    const auto exit = child.wait_exit();
    EXPECT_TRUE(exit && *exit == (ExitResult{EndKind::kExited, 2}));
  }
}

TEST(Session, TheCommandHasTheTerminalAndNothingElse) {
  const auto text =
      output_of(bash("ls -1 /proc/self/fd; tty; "
                     "ps -o pid=,sid=,tpgid= -p $$"));
  // ls itself opens the folder as 3.
  EXPECT_NE(text.find("0\n1\n2\n3\n/dev/pts/"), std::string::npos) << text;
  int pid = 0, session = 0, foreground = 0;
  const auto line = text.find('\n', text.find("/dev/pts/"));
  ASSERT_EQ(std::sscanf(text.c_str() + line, "%d %d %d", &pid, &session, &foreground), 3) << text;
  EXPECT_EQ(pid, session);
  EXPECT_GT(foreground, 0);
}

TEST(Session, TheCommandHasDefaultSignalHandling) {
  const auto text = output_of(SessionDriver::spec_for({"cat", "/proc/self/status"}));
  for (const auto* mask : {"SigBlk", "SigIgn", "SigCgt"})
    EXPECT_NE(text.find(std::string(mask) + ":\t0000000000000000\n"), std::string::npos) << text;
}

TEST(Session, TheTerminalIsAsASaneOneIs) {
  auto spec = bash("stty -a; stty size; echo $TERM");
  spec.rows = 33;
  spec.columns = 101;
  spec.term = "screen";
  auto text = output_of(spec);
  EXPECT_TRUE(text.ends_with("\n33 101\nscreen\n")) << text;
  std::replace(text.begin(), text.end(), '\n', ' ');
  for (const auto* mode :
       {" icanon ", " echo ", " isig ", " icrnl ", " onlcr ", " iutf8 ", " opost "})
    EXPECT_NE(text.find(mode), std::string::npos) << mode << "\n" << text;
}

TEST(Session, OnlyAServiceOfItsOwnSeesTheUnitsFolders) {
  const std::array<const char*, 6> inherited{"STATE_DIRECTORY=/s", "CREDENTIALS_DIRECTORY=/c",
                                             "NOTIFY_SOCKET=/n",   "LISTEN_FDS=1",
                                             "WATCHDOG_USEC=1",    nullptr};
  const auto spec = SessionDriver::spec_for({"true"});
  const auto own = session_environment(spec, inherited.data(), true);
  EXPECT_EQ(value_of(own, "STATE_DIRECTORY"), "/s");
  EXPECT_EQ(value_of(own, "CREDENTIALS_DIRECTORY"), "/c");
  for (const char* name : {"NOTIFY_SOCKET", "LISTEN_FDS", "WATCHDOG_USEC"})
    EXPECT_EQ(value_of(own, name), "") << name;
  const auto ours = session_environment(spec, inherited.data());
  EXPECT_EQ(value_of(ours, "STATE_DIRECTORY"), "");
  EXPECT_EQ(value_of(ours, "CREDENTIALS_DIRECTORY"), "");
}

TEST(Session, EnvironmentFoldersAndTheSearchPath) {
  TempDir folder;
  write_file(folder / "tool", "#!/bin/sh\npwd\nenv\n");
  ASSERT_EQ(::chmod((folder / "tool").c_str(), 0755), 0);
  auto spec = SessionDriver::spec_for({"tool"});
  spec.cwd = "/usr";
  spec.environment = {"PATH=" + folder.path().string() + ":/usr/bin:/bin", "MINE=1",
                      "PTYD_SESSION=x"};
  spec.user_environment = {"HOME=/home/of", "SHELL=/of/the/database", "USER=nobody's"};
  const auto text = output_of(spec, {{"NOTIFY_SOCKET", "/x"},
                                     {"LISTEN_FDS", "1"},
                                     {"PTYD_SECRET", "1"},
                                     {"KEPT", "yes"},
                                     {"HOME", std::nullopt},
                                     {"USER", "al"},
                                     {"SHELL", std::nullopt}});
  EXPECT_TRUE(text.starts_with("/usr\n")) << text;
  for (const auto* entry : {"\nMINE=1\n", "\nKEPT=yes\n", "\nPTYD_SESSION=test\n",
                            "\nPTYD_SESSION_ID=0123456789abcdef\n", "\nHOME=/home/of\n",
                            "\nSHELL=/of/the/database\n", "\nUSER=al\n"})
    EXPECT_NE(text.find(entry), std::string::npos) << entry << text;
  for (const auto* name : {"NOTIFY_SOCKET", "LISTEN_FDS", "PTYD_SECRET"})
    EXPECT_EQ(text.find(name), std::string::npos) << name;

  spec = SessionDriver::spec_for({"./tool"});
  spec.cwd = folder.path();
  EXPECT_TRUE(output_of(spec).starts_with(folder.path().string() + "\n"));
}

TEST(Session, HomeIsWhereASessionStarts) {
  EXPECT_EQ(output_of(bash("pwd"), {{"HOME", "/usr/lib"}}), "/usr/lib\n");
  EXPECT_EQ(output_of(bash("pwd"), {{"HOME", "/does/not/exist"}}), "/\n");
}

TEST(Session, ALoginShellIsToldSo) {
  auto spec = bash("echo $0; shopt -q login_shell && echo login");
  spec.login_shell = 1;
  EXPECT_EQ(output_of(spec), "-bash\nlogin\n");
}

TEST(Session, ScrollbackIsReadableFromOutside) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash("echo one; echo two"));
  std::error_code error;
  const auto reader = ScrollbackReader::open(daemon.memfd(), error);
  ASSERT_TRUE(reader) << error.message();
  ASSERT_TRUE(daemon.finish());
  EXPECT_EQ(as_text(reader->tail(1000).bytes), "one\r\ntwo\r\n");
  EXPECT_EQ(reader->head(), 10U);
  EXPECT_GT(reader->last_activity_us(), 0);
}

TEST(Session, WhatAQuietSessionHasPrintedTakesLessMemoryAndIsStillThere) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash("seq 1 200000; echo done; read x; echo more; read x"));
  const auto memfd = daemon.memfd();
  const auto memory = [&memfd] {
    struct stat status {};
    return ::fstat(memfd.get(), &status) == 0 ? status.st_blocks * 512 : 0;
  };
  std::error_code error;
  const auto reader =
      ScrollbackReader::open(UniqueFd(::fcntl(memfd.get(), F_DUPFD_CLOEXEC, 0)), error);
  ASSERT_TRUE(reader) << error.message();
  std::string all;
  for (int i = 1; i <= 200'000; ++i) all += std::to_string(i) + "\r\n";
  all += "done\r\n";
  ASSERT_TRUE(eventually([&] { return reader->head() >= all.size() && memory() <= 800 * 1024; }))
      << memory();
  EXPECT_EQ(as_text(reader->tail(~0ULL).bytes), all.substr(all.size() - reader->capacity()));

  auto viewer = daemon.attach();
  viewer->type("\n");
  ASSERT_TRUE(viewer->wait_text("more\r\n"));
  // What was typed is echoed.
  all += "\r\nmore\r\n";
  EXPECT_TRUE(all.ends_with(viewer->shown)) << viewer->shown.size();
  EXPECT_GT(viewer->shown.size(), 32U * 1024);
  EXPECT_EQ(as_text(reader->tail(~0ULL).bytes), all.substr(all.size() - reader->capacity()));
  viewer->type("\n");
  EXPECT_TRUE(daemon.finish());
}

TEST(Session, ReconnectsAndRegistersAgain) {
  SessionDriver daemon;
  const auto started = daemon.start_bash("echo before; read x; echo got $x; read y");
  ASSERT_TRUE(started);
  auto viewer = daemon.attach();
  ASSERT_TRUE(viewer->wait_text("before"));
  for (int round = 0; round < 3; ++round) {
    daemon.link().close();
    // Without a daemon all is as before.
    if (round == 0) {
      viewer->type("typed\n");
      ASSERT_TRUE(viewer->wait_text("got typed"));
    }
    const auto again = daemon.accept_host();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->phase, HostPhase::kRunning);
    EXPECT_EQ(again->command_pid, started->command_pid);
    EXPECT_EQ(again->terminal, started->terminal);
    EXPECT_EQ(again->started_at, started->started_at);
    EXPECT_EQ(again->viewers, 1U);
    const auto spec = decode<SessionSpec>(again->spec);
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->name, "test");
    EXPECT_EQ(spec->command.at(0), "/bin/bash");
    std::error_code error;
    const auto reader = ScrollbackReader::open(daemon.memfd(), error);
    ASSERT_TRUE(reader) << error.message();
    EXPECT_NE(as_text(reader->tail(1000).bytes).find("before"), std::string_view::npos);
    if (round == 1) {
      // Refused: it goes on and asks again.
      daemon.link().send(ProtocolError{"not-found", "not now"});
    } else {
      daemon.link().send(FrameType::kRegistered);
      EXPECT_TRUE(daemon.link().next_message<HostStatus>());
    }
  }
  viewer->type("\n");
  EXPECT_TRUE(daemon.finish());
  EXPECT_TRUE(viewer->wait_ended());
}

// A session from the queue was lost when its daemon was killed between the registration of its host
// and its SPEC: the host ended with the daemon, though its record said that it was there.
TEST(Session, ComesBackForItsSpecOnceItIsRegistered) {
  SessionDriver driver;
  driver.start_host();
  ASSERT_TRUE(driver.accept_host());
  ASSERT_TRUE(driver.link().send(FrameType::kRegistered));
  driver.link().close();
  const auto again = driver.accept_host();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->phase, HostPhase::kNew);
  ASSERT_TRUE(driver.link().send(FrameType::kRegistered));
  ASSERT_TRUE(driver.link().send(SessionDriver::spec_for({"true"})));
  EXPECT_TRUE(driver.link().next_message<Started>());
  EXPECT_TRUE(driver.finish());
}

TEST(Session, GoesWhenItIsRefusedBeforeItHasASpec) {
  SessionDriver driver;
  driver.start_host();
  ASSERT_TRUE(driver.accept_host());
  ASSERT_TRUE(driver.link().send(FrameType::kRegistered));
  driver.link().close();
  ASSERT_TRUE(driver.accept_host());
  ASSERT_TRUE(driver.link().send(ProtocolError{"exists", "this session has a host"}));
  EXPECT_TRUE(driver.host().wait_exit());
}

TEST(Session, AnEndThatNobodySawIsReportedLater) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash("read x; exit 5"));
  auto viewer = daemon.attach();
  daemon.link().close();
  viewer->type("\n");
  ASSERT_TRUE(viewer->wait_ended());
  EXPECT_EQ(viewer->ended->value, 5);
  // It may still have seen the link go before the end: then it registers twice.
  auto registration = daemon.accept_host();
  ASSERT_TRUE(registration);
  if (registration->phase == HostPhase::kEnded) {
    EXPECT_EQ(registration->end_kind, EndKind::kExited);
    EXPECT_EQ(registration->end_value, 5);
    EXPECT_GT(registration->ended_at, 0);
  }
  daemon.link().send(FrameType::kRegistered);
  const auto ended = daemon.finish();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->value, 5);
}

TEST(Session, AnswersTheDaemonsRequests) {
  SessionDriver daemon;
  ASSERT_TRUE(
      daemon.start_bash("stty -echo; echo ready; while read x; do echo got $x; stty size; done"));
  auto viewer = daemon.attach();
  ASSERT_TRUE(viewer->wait_text("ready"));

  HostInput input;
  input.data = {'h', 'i', '\n'};
  auto done = daemon.request(input);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->error, 0U);
  EXPECT_TRUE(viewer->wait_text("got hi\r\n24 80"));

  HostResize resize;
  resize.rows = 40;
  resize.columns = 90;
  EXPECT_EQ(daemon.request(resize)->error, 0U);
  EXPECT_EQ(daemon.request(input)->error, 0U);
  EXPECT_TRUE(viewer->wait_text("40 90"));
  resize.rows = 0;
  EXPECT_EQ(static_cast<int>(daemon.request(resize)->error), EINVAL);

  HostSignal kill;
  kill.signal = 999;
  EXPECT_EQ(static_cast<int>(daemon.request(kill)->error), EINVAL);

  daemon.link().send(FrameType::kHostNotice, as_bytes("{\"type\":\"x\"}"));
  EXPECT_TRUE(viewer->read_until([&] { return !viewer->notices.empty(); }));
  EXPECT_EQ(viewer->notices.at(0), "{\"type\":\"x\"}");

  done = daemon.request(HostDetach{});
  EXPECT_EQ(done->value, 1U);
  EXPECT_TRUE(viewer->wait_closed());
  EXPECT_EQ(viewer->detached->reason, "requested");

  kill.signal = SIGKILL;
  EXPECT_EQ(daemon.request(kill)->error, 0U);
  const auto ended = daemon.link().next_message<HostEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->value, SIGKILL);
  EXPECT_EQ(ended->forced, 0);
  EXPECT_EQ(static_cast<int>(daemon.request(kill)->error), ESRCH);
  EXPECT_EQ(static_cast<int>(daemon.request(input)->error), ESRCH);
}

TEST(Session, InputThatDoesNotFitIsRefusedWhole) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash("stty -icanon -echo; echo ready; sleep 1000"));
  auto viewer = daemon.attach();
  ASSERT_TRUE(viewer->wait_text("ready"));
  HostInput input;
  input.data.assign(32 * 1024, 'x');
  int refused = 0;
  for (int i = 0; i < 16 && refused == 0; ++i)
    refused = static_cast<int>(daemon.request(input)->error);
  EXPECT_EQ(refused, EAGAIN);
  EXPECT_EQ(daemon.request(HostTerminate{})->error, 0U);
  EXPECT_TRUE(daemon.finish());
}

TEST(Session, TellsIdleFromActive) {
  SessionDriver daemon;
  auto spec = bash("read x; echo $x; read y");
  spec.idle_after_ms = 100;
  ASSERT_TRUE(daemon.start(spec));
  const auto wait_idle = [&](int idle) {
    while (const auto status = daemon.link().next_message<HostStatus>())
      if (status->idle == idle) return true;
    return false;
  };
  EXPECT_TRUE(wait_idle(1));
  auto viewer = daemon.attach();
  viewer->type("x\n");
  EXPECT_TRUE(wait_idle(0));
  EXPECT_TRUE(wait_idle(1));
  viewer->type("\n");
  EXPECT_TRUE(daemon.finish());
}

}  // namespace
}  // namespace ptyd::test
