// SPDX-License-Identifier: LGPL-2.1-or-later
// The kernel refuses a session host one call after the other. At its start that is a clear refusal,
// later it costs that session at most, and never another one.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <iostream>
#include <map>

#include "tests/integration/fault.hpp"
#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/temp_dir.hpp"

namespace ptyd::test {
namespace {

class HostFaultTest : public testing::TestWithParam<Fault> {
 protected:
  HostFaultTest() {
    set_hosts({});
    daemon_.start();
  }

  // What sessions that are created from now on are carried by. It keeps its pid.
  void set_hosts(const Arguments& runner) const {
    std::string script = "#!/bin/sh\nexec";
    for (const auto& word : runner) script += " '" + word + "'";
    write_file(program_, script + " " + PTYD_SESSION_PROGRAM + " \"$@\"\n");
    ASSERT_EQ(::chmod(program_.c_str(), 0755), 0);
  }
  void set_faulty_hosts(int number) const {
    std::filesystem::remove(trace_);
    Arguments runner{"strace", "-D", "-qq", "-o", trace_};
    for (const auto& option : strace_options(injection_of(GetParam(), number)))
      runner.push_back(option);
    set_hosts(runner);
  }
  [[nodiscard]] bool was_hit() const {
    return read_file(trace_).find("(INJECTED)") != std::string::npos;
  }

  TempDir folder_;
  const std::string program_ = folder_ / "host";
  const std::string trace_ = folder_ / "trace";
  Daemon daemon_{DaemonOptions{
      .environment = {{"PTYD_SESSION_PROGRAM", program_}}, .started = false, .traced = true}};
};

// All that a host does; how its session came out of it: "refused", "ended" or "lost".
std::string use_session(const Daemon& daemon, ProtocolClient& client) {
  const auto made = client.request(
      "create", {{"name", "victim"},
                 {"command", {"sh", "-c", "echo ready; read line; echo \"$line\"; exec cat"}}});
  EXPECT_TRUE(made.answered);
  if (!made.result.is_object()) {
    EXPECT_EQ(made.code(), "start-failed") << made.error;
    EXPECT_NE(made.error.value("message", ""), "");
    return "refused";
  }
  const auto id = made.result.value("id", "");
  try {
    auto viewer = daemon.connect();
    if (viewer.attach(id)) (void)viewer.input("word\n");
    (void)client.request("resize", {{"session", id}, {"rows", 30}, {"columns", 100}});
    (void)client.request("send", {{"session", id}}, "more\n");
    (void)client.request("capture", {{"session", id}});
  } catch (const std::exception&) {
    // The viewer's end.
  }
  (void)client.request("terminate", {{"session", id}});
  const auto ended = client.request("wait", {{"session", id}}).result;
  EXPECT_TRUE(ended.is_object()) << "it does not end";
  if (!ended.is_object()) return "hangs";
  return ended.value("state", "") == "stopped" ? "ended" : ended.value("endedBy", "");
}

TEST_P(HostFaultTest, AtEachCallInTurn) {
  auto client = daemon_.connect();
  create_shell(client, "other");
  ASSERT_TRUE(wait_printed(client, "other", "ready> "));
  std::map<std::string, int> outcomes;
  at_each_call(GetParam(), [&](int number) {
    set_faulty_hosts(number);
    const auto outcome = use_session(daemon_, client);
    EXPECT_TRUE(eventually([&] { return daemon_.hosts().size() == 1; })) << outcome;
    const bool hit = was_hit();
    if (hit) ++outcomes[outcome];
    auto viewer = daemon_.connect();
    EXPECT_TRUE(viewer.attach("other"));
    EXPECT_TRUE(shell_answers(viewer, "alive"));
    return hit;
  });
  for (const auto& [outcome, count] : outcomes)
    std::cout << "  " << outcome << ": " << count << "\n";
}

constexpr char kTerminal[] = "/dev/ptmx";
// Of what opens and reads files only that of the terminal: the rest is the loader's. Most of the
// pipes are the sanitizer's, which is a host that dies of it.
INSTANTIATE_TEST_SUITE_P(
    Descriptors, HostFaultTest,
    testing::Values(Fault{"openat", "EMFILE", {kTerminal}}, Fault{"memfd_create", "EMFILE"},
                    Fault{"epoll_create1", "EMFILE"}, Fault{"timerfd_create", "EMFILE"},
                    Fault{"signalfd4", "EMFILE"}, Fault{"pidfd_open", "EMFILE"},
                    Fault{"pipe2", "EMFILE"}, Fault{"socket", "EMFILE"}, Fault{"fcntl", "EMFILE"}),
    name_of);
INSTANTIATE_TEST_SUITE_P(Memory, HostFaultTest,
                         testing::Values(Fault{"ftruncate", "ENOSPC"},
                                         Fault{"timerfd_settime", "ENOMEM"},
                                         Fault{"connect", "EAGAIN"}, Fault{"recvmsg", "ENOMEM"},
                                         Fault{"sendmsg", "ENOBUFS"},
                                         Fault{"clone,clone3,vfork,fork", "EAGAIN"}),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Interruptions, HostFaultTest,
                         testing::Values(Fault{"read", "EINTR", {kTerminal}},
                                         Fault{"write", "EINTR"}, Fault{"recvmsg", "EINTR"},
                                         Fault{"sendmsg", "EINTR"}, Fault{"epoll_wait", "EINTR"},
                                         Fault{"waitid", "EINTR"}),
                         name_of);

}  // namespace
}  // namespace ptyd::test
