// SPDX-License-Identifier: LGPL-2.1-or-later
// The kernel refuses one call after the other: the disk is full or broken, descriptors, memory or
// processes have run out. The daemon goes on, who asked is told, and nothing is left half made.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "tests/integration/fault.hpp"
#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/faulty_calls.hpp"
#include "tests/support/tracer.hpp"

namespace ptyd::test {
namespace {

namespace fs = std::filesystem;

std::size_t descriptors(pid_t pid) {
  const fs::directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

bool is_living(const Json& session) {
  const auto state = session.value("state", "");
  return state != "stopped" && state != "error";
}

std::vector<Json> sessions(ProtocolClient& client) {
  std::vector<Json> all;
  for (const auto& item : client.request("list").items) all.push_back(item.json["item"]);
  return all;
}

bool has_temporary_files(const Daemon& daemon) {
  for (const auto& file : fs::recursive_directory_iterator(daemon.state_dir()))
    if (file.path().extension() == ".tmp") return true;
  return false;
}

// One who asks, and who may lose the connection but is never left without an end or a reason.
class Asker {
 public:
  explicit Asker(const Daemon& daemon) : daemon_(daemon) {}

  Json ask(const std::string& method, const Json& params = Json::object(),
           std::string_view body = {}) {
    try {
      if (!client_) client_.emplace(daemon_.connect());
      const auto answer = client_->request(method, params, body);
      if (answer.answered) {
        EXPECT_TRUE(answer.error.is_null() || !answer.error.value("message", "").empty())
            << method << answer.error;
        return answer.result;
      }
      EXPECT_TRUE(client_->wait_closed(std::chrono::milliseconds(1))) << method << " hangs";
    } catch (const std::exception&) {
      // Not greeted.
    }
    client_.reset();
    return {};
  }

  void attach_and_leave(const std::string& session) {
    try {
      auto viewer = daemon_.connect();
      (void)viewer.attach(session);
    } catch (const std::exception&) {
    }
  }

 private:
  const Daemon& daemon_;
  std::optional<ProtocolClient> client_;
};

void use_all(const Daemon& daemon) {
  Asker asker(daemon);
  const auto sleeper = asker.ask("create", {{"name", "sleeper"}, {"command", {"sleep", "1000"}}});
  asker.ask("list");
  asker.attach_and_leave("sleeper");
  asker.ask("send", {{"session", "sleeper"}}, "x");
  asker.ask("capture", {{"session", "sleeper"}});
  asker.ask("resize", {{"session", "sleeper"}, {"rows", 30}, {"columns", 100}});
  asker.ask("drain");
  asker.ask("create", {{"name", "later"}, {"command", {"sleep", "1000"}}, {"queue", true}});
  asker.ask("cancel-drain");
  asker.ask("terminate", {{"session", "sleeper"}});
  asker.ask("create", {{"name", "brief"}, {"command", {"true"}}});
  asker.ask("wait", {{"session", "brief"}});
  if (sleeper.is_object()) asker.ask("status", {{"session", sleeper.value("id", "")}});
}

// The request that was lost with its connection may have been the one that ends the drain.
void end_drain(ProtocolClient& client) {
  if (client.request("health").result.value("state", "") == "running") return;
  EXPECT_TRUE(client.request("cancel-drain").result.is_object());
}

// What there is is whole: each living session has a host, and each host a session.
testing::AssertionResult is_whole(const Daemon& daemon, ProtocolClient& client) {
  std::string why;
  const bool whole = eventually([&] {
    const auto all = sessions(client);
    const auto living = std::count_if(all.begin(), all.end(), is_living);
    const auto hosts = daemon.hosts().size();
    const auto health = client.request("health").result;
    why = std::to_string(living) + " sessions live, " + std::to_string(hosts) + " hosts, " +
          to_text(health);
    return static_cast<std::size_t>(living) == hosts && health.value("store", "") == "ok" &&
           health.value("state", "") == "running" && health.value("queued", -1) == 0 &&
           !has_temporary_files(daemon);
  });
  return whole ? testing::AssertionSuccess() : testing::AssertionFailure() << why;
}

// Whatever has survived ends, and the next round begins with nothing.
void end_all(const Daemon& daemon, ProtocolClient& client) {
  for (const auto& session : sessions(client))
    if (is_living(session)) client.request("terminate", {{"session", session.value("id", "")}});
  EXPECT_TRUE(eventually([&] { return daemon.hosts().empty(); })) << daemon.log().text();
}

class FaultTest : public testing::TestWithParam<Fault> {};

const DaemonOptions kKeepsNothing{.config = "store: {interval: 100ms, keep: 0}\n"};

// `use` uses the daemon while the call with the number goes wrong, and says whether there was one.
template <typename Use>
void survives_each(Daemon& daemon, const Fault& fault, Use use) {
  const auto pid = daemon.pid();
  auto client = daemon.connect();
  use_all(daemon);
  ASSERT_TRUE(is_whole(daemon, client));
  end_all(daemon, client);
  const auto before = descriptors(pid);
  at_each_call(fault, [&](int number) {
    const bool hit = use(number);
    EXPECT_FALSE(daemon.wait_exit(std::chrono::milliseconds(0))) << daemon.log().text();
    if (testing::Test::HasFailure()) return false;
    if (!client.request("health").answered) client = daemon.connect();
    end_drain(client);
    EXPECT_TRUE(is_whole(daemon, client)) << daemon.log().text();
    end_all(daemon, client);
    EXPECT_TRUE(eventually([&] { return descriptors(pid) <= before; }))
        << descriptors(pid) << " descriptors, before " << before;
    return hit;
  });
}

TEST_P(FaultTest, AtEachCallInTurn) {
  Daemon daemon(kKeepsNothing);
  survives_each(daemon, GetParam(), [&](int number) {
    Tracer tracer(daemon.pid(), injection_of(GetParam(), number));
    use_all(daemon);
    return tracer.finish() > 0;
  });
}

INSTANTIATE_TEST_SUITE_P(Disk, FaultTest,
                         testing::Values(Fault{"openat", "ENOSPC"}, Fault{"fsync", "EIO"},
                                         Fault{"rename", "ENOSPC"}, Fault{"unlink", "EIO"}),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Descriptors, FaultTest,
                         testing::Values(Fault{"openat", "EMFILE"}, Fault{"accept4", "EMFILE"},
                                         Fault{"fcntl", "EMFILE"}, Fault{"pidfd_open", "EMFILE"},
                                         Fault{"timerfd_create", "EMFILE"},
                                         Fault{"pipe2", "EMFILE"}),
                         name_of);
// For epoll_ctl, of which only additions can fail, see below.
INSTANTIATE_TEST_SUITE_P(Memory, FaultTest,
                         testing::Values(Fault{"timerfd_settime", "ENOMEM"},
                                         Fault{"recvmsg", "ENOMEM"}, Fault{"sendmsg", "ENOBUFS"},
                                         Fault{"clone,clone3,vfork,fork", "EAGAIN"}),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Interruptions, FaultTest,
                         testing::Values(Fault{"accept4", "EINTR"}, Fault{"epoll_wait", "EINTR"},
                                         Fault{"recvmsg", "EINTR"}, Fault{"sendmsg", "EINTR"}),
                         name_of);

// ---- what strace(1) cannot do ----

class WatchFaultTest : public testing::TestWithParam<int> {};

// Of the daemon or of a session host, whoever comes first.
TEST_P(WatchFaultTest, EachDescriptorThatCannotBeWatched) {
  auto options = kKeepsNothing;
  options.started = false;
  Daemon daemon(options);
  const FaultyCalls calls(daemon, "epoll_ctl", std::to_string(GetParam()));
  daemon.set_runner(calls.runner());
  daemon.start();
  survives_each(daemon, {"epoll_ctl", std::strerror(GetParam())}, [&](int number) {
    calls.arm(number);
    use_all(daemon);
    return calls.disarm();
  });
}
INSTANTIATE_TEST_SUITE_P(Memory, WatchFaultTest, testing::Values(ENOSPC, ENOMEM));

// A loop that the kernel once had not armed for its next timer slept for ever, unless something
// else happened. Here it never arms any.
TEST(TimerFault, TimersAreKeptAllTheSame) {
  auto options = kKeepsNothing;
  options.started = false;
  Daemon daemon(options);
  const FaultyCalls calls(daemon, "timerfd_settime", std::to_string(ENOMEM));
  daemon.set_runner(calls.runner());
  calls.arm(0);
  daemon.start();
  use_all(daemon);
  auto client = daemon.connect();
  ASSERT_TRUE(is_whole(daemon, client)) << daemon.log().text();
  create(client, "stubborn", stubborn_command());
  ASSERT_TRUE(wait_printed(client, "stubborn", "armed"));
  client.request("terminate", {{"session", "stubborn"}});
  end_all(daemon, client);
  EXPECT_EQ(daemon.terminate(), (ExitResult{EndKind::kExited, 0}));
}

// Records, scrollbacks, messages, input and output: each write takes half of what it was given.
TEST(ShortWrite, IsGoneOnWith) {
  Daemon daemon(DaemonOptions{.started = false});
  const FaultyCalls calls(daemon, "write", "short");
  daemon.set_runner(calls.runner());
  calls.arm(0);
  daemon.start();
  auto client = daemon.connect();
  const auto id =
      create(client, "cat", {"sh", "-c", "stty raw -echo; echo ready; exec head -c 50000"})
          .value("id", "");
  ASSERT_TRUE(wait_printed(client, "cat", "ready"));
  std::string text;
  for (int i = 0; text.size() < 50'000; ++i) text += std::to_string(i) + "\n";
  text.resize(50'000);
  auto viewer = daemon.connect();
  ASSERT_TRUE(viewer.attach("cat"));
  for (std::size_t at = 0; at < text.size(); at += 1000)
    ASSERT_TRUE(viewer.input(text.substr(at, 1000)));
  EXPECT_TRUE(viewer.read_output_until(text.substr(text.size() - 100)));
  EXPECT_EQ(client.request("wait", {{"session", "cat"}}).result.value("endedBy", ""), "exited");
  const auto printed = captured(client, "cat");
  ASSERT_GE(printed.size(), text.size());
  EXPECT_EQ(printed.substr(printed.size() - text.size()), text);
  create(client, "sleeper", {"sleep", "1000"});
  EXPECT_EQ(daemon.terminate(), (ExitResult{EndKind::kExited, 0}));
  EXPECT_EQ(record(daemon, id)["endedBy"], "exited");
  daemon.start();
  auto again = daemon.connect();
  EXPECT_EQ(captured(again, id), printed);
  EXPECT_FALSE(calls.disarm());
}

// ---- one record's files ----

class RecordFaultTest : public testing::TestWithParam<const char*> {};

// Not as above: with its other writes the daemon wakes its own threads, which never fails.
TEST_P(RecordFaultTest, AFailedWriteIsSaidAndTriedAgain) {
  Daemon daemon(DaemonOptions{.config = "store: {interval: 100ms}\n"});
  auto client = daemon.connect();
  const auto id = create(client, "brief", {"sh", "-c", "echo output; read line"}).value("id", "");
  ASSERT_TRUE(wait_printed(client, "brief", "output"));
  const auto base = daemon.state_dir() + "/sessions/" + id;
  ASSERT_TRUE(eventually([&] { return record(daemon, id).value("state", "") == "active"; }));
  Tracer tracer(daemon.pid(), {"write",
                               std::string("error=") + GetParam(),
                               "1+",
                               {base + ".json.tmp", base + ".scrollback.tmp"}});
  ASSERT_TRUE(client.request("send", {{"session", "brief"}}, "\n").answered);
  const auto ended = client.request("wait", {{"session", "brief"}}).result;
  EXPECT_EQ(ended.value("endedBy", ""), "exited") << ended;
  ASSERT_TRUE(daemon.wait_for_log("error: State cannot be saved: cannot write " + base));
  EXPECT_EQ(client.request("health").result.value("status", ""), "degraded");
  // The old record is whole, and the host keeps what cannot be saved.
  EXPECT_EQ(record(daemon, id).value("state", ""), "active");
  EXPECT_EQ(daemon.hosts().size(), 1U);
  EXPECT_NE(captured(client, id).find("output"), std::string::npos);
  EXPECT_GT(tracer.finish(), 0);
  ASSERT_TRUE(daemon.wait_for_log("State can be saved again"));
  ASSERT_TRUE(is_whole(daemon, client));
  EXPECT_EQ(record(daemon, id).value("state", ""), "stopped");
  EXPECT_NE(captured(client, id).find("output"), std::string::npos);
  const auto log = daemon.log().text();
  const auto first = log.find("State cannot be saved");
  EXPECT_EQ(log.find("State cannot be saved", first + 1), std::string::npos) << "said twice";
}
INSTANTIATE_TEST_SUITE_P(Disk, RecordFaultTest, testing::Values("ENOSPC", "EIO", "EDQUOT"),
                         [](const auto& error) { return std::string(error.param); });

TEST(RecordFault, AnInterruptedWriteIsGoneOnWith) {
  Daemon daemon;
  auto client = daemon.connect();
  const auto id = create(client, "brief", {"sh", "-c", "read line"}).value("id", "");
  const auto base = daemon.state_dir() + "/sessions/" + id;
  Tracer tracer(daemon.pid(), {"write", "error=EINTR", "1..3", {base + ".json.tmp"}});
  ASSERT_TRUE(client.request("send", {{"session", "brief"}}, "\n").answered);
  EXPECT_TRUE(eventually([&] { return record(daemon, id).value("state", "") == "stopped"; }));
  EXPECT_EQ(tracer.finish(), 3);
  EXPECT_EQ(daemon.log().text().find("cannot be saved"), std::string::npos);
}

// A stop with many sessions on a slow disk gave up after a second, in the middle of their records.
TEST(RecordFault, ASlowDiskIsWaitedForWhileRecordsAreWritten) {
  constexpr int kSessions = 8;
  Daemon daemon(DaemonOptions{.traced = true});
  auto client = daemon.connect();
  std::vector<std::string> ids;
  for (int i = 0; i < kSessions; ++i)
    ids.push_back(
        create(client, "sleeper-" + std::to_string(i), {"sleep", "1000"}).value("id", ""));
  Tracer tracer(daemon.pid(), {"fsync", "delay_enter=400ms", ""});
  ASSERT_TRUE(daemon.signal(SIGTERM));
  EXPECT_EQ(daemon.wait_exit(), (ExitResult{EndKind::kExited, 0}));
  EXPECT_GE(tracer.finish(), kSessions);
  for (const auto& id : ids) EXPECT_EQ(record(daemon, id)["state"], "stopped");
  EXPECT_EQ(daemon.log().text().find("not saved in time"), std::string::npos);
}

// A disk that has died takes every sync with it and never answers.
TEST(RecordFault, ADiskThatHangsHoldsUpNeitherTheLoopNorTheStop) {
  Daemon daemon(DaemonOptions{.traced = true});
  auto client = daemon.connect();
  Tracer tracer(daemon.pid(), {"fsync", "delay_enter=1000s", ""});
  create(client, "sleeper", {"sleep", "1000"});
  create_shell(client, "shell");
  auto viewer = daemon.connect();
  ASSERT_TRUE(viewer.attach("shell"));
  EXPECT_TRUE(shell_answers(viewer, "alive"));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(client.request("list").items.size(), 2U);
  ASSERT_TRUE(daemon.signal(SIGTERM));
  ASSERT_TRUE(daemon.wait_for_log("Graceful shutdown complete"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  tracer.finish();  // which holds on to a thread that it delays even when its process is gone
  EXPECT_EQ(daemon.wait_exit(), (ExitResult{EndKind::kExited, 0}));
  EXPECT_TRUE(daemon.wait_for_log("error: Stop: state is not saved in time; going on"));
  EXPECT_TRUE(daemon.hosts().empty());
}

}  // namespace
}  // namespace ptyd::test
