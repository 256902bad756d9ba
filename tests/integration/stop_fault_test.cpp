// SPDX-License-Identifier: LGPL-2.1-or-later
// The kernel refuses one call after the other while the daemon stops. It stops all the same, in
// time, and with the last state on disk.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/integration/fault.hpp"
#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

class StopFaultTest : public testing::TestWithParam<Fault> {
 protected:
  // Stops the daemon, which has a shell that is attached, a program that is asked by its stop input
  // and one that waits; whether the fault was met.
  bool stop(int number) {
    auto client = daemon_.connect();
    ids_ = {create_shell(client, "shell").value("id", ""),
            create(client, "server", {"sh", "-c", "read line; exit 3"}, {{"stopInput", "stop\n"}})
                .value("id", ""),
            create(client, "sleeper", {"sleep", "1000000"}).value("id", "")};
    auto viewer = daemon_.connect();
    EXPECT_TRUE(viewer.attach("shell"));
    EXPECT_TRUE(viewer.read_output_until("ready> "));
    Tracer tracer(daemon_.pid(), injection_of(GetParam(), number));
    EXPECT_TRUE(daemon_.signal(SIGTERM));
    EXPECT_EQ(daemon_.wait_exit(std::chrono::seconds(10)), (ExitResult{EndKind::kExited, 0}))
        << daemon_.log().text();
    const auto hits = tracer.finish();
    EXPECT_TRUE(daemon_.hosts().empty());
    return hits > 0;
  }

  // Whatever failed was tried again.
  void expect_saved() {
    for (const auto& id : ids_) EXPECT_EQ(record(daemon_, id)["state"], "stopped");
    EXPECT_EQ(record(daemon_, ids_[1])["exitStatus"], 3);
  }

  // All are known to the next daemon.
  void expect_nothing_lost() {
    daemon_.start();
    auto client = daemon_.connect();
    for (const auto& id : ids_) {
      const auto status = client.request("status", {{"session", id}}).result;
      EXPECT_TRUE(status.is_object() && status["state"] == "stopped") << status;
    }
    EXPECT_TRUE(daemon_.hosts().empty());
  }

  Daemon daemon_{DaemonOptions{.traced = true}};
  std::vector<std::string> ids_;
};

TEST_P(StopFaultTest, AtEachCallInTurn) {
  at_each_call(GetParam(), [this](int number) {
    const bool hit = stop(number);
    expect_saved();
    expect_nothing_lost();
    return hit;
  });
}

INSTANTIATE_TEST_SUITE_P(Disk, StopFaultTest,
                         testing::Values(Fault{"openat", "ENOSPC"}, Fault{"fsync", "EIO"},
                                         Fault{"rename", "EIO"}, Fault{"unlink", "EIO"}),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Descriptors, StopFaultTest, testing::Values(Fault{"openat", "EMFILE"}),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Memory, StopFaultTest,
                         testing::Values(Fault{"timerfd_settime", "ENOMEM"},
                                         Fault{"recvmsg", "ENOMEM"}, Fault{"sendmsg", "ENOBUFS"}),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Interruptions, StopFaultTest,
                         testing::Values(Fault{"epoll_wait", "EINTR"}, Fault{"recvmsg", "EINTR"},
                                         Fault{"sendmsg", "EINTR"}),
                         name_of);

}  // namespace
}  // namespace ptyd::test
