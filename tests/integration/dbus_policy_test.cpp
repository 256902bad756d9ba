// SPDX-License-Identifier: LGPL-2.1-or-later
// What the bus lets others than root see and do.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "tests/integration/bus_names.hpp"
#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/message_bus.hpp"

namespace ptyd::test {
namespace {

// With the policy that is installed, seen by somebody who is not root.
class DBusPolicy : public testing::Test {
 protected:
  void SetUp() override {
    if (::getuid() != 0) GTEST_SKIP() << "only root can be somebody else";
    bus_.emplace(std::vector<std::filesystem::path>{PTYD_SOURCE_DIR "/dbus/org.ptyd1.conf"});
    daemon_.emplace(DaemonOptions{.bus_address = bus_->address()});
  }
  RunResult as_nobody(const Arguments& arguments) const {
    Arguments all{"setpriv",        "--reuid=65534", "--regid=65534",
                  "--clear-groups", "busctl",        "--address=" + bus_->address()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run(all);
  }

  std::optional<MessageBus> bus_;
  std::optional<Daemon> daemon_;
};

TEST_F(DBusPolicy, OthersDoNotSeeWhatIsNotTheirs) {
  auto client = daemon_->connect();
  const auto id = create(client, "secret", {"sleep", "1000"}).value("id", "");
  const auto path = "/org/ptyd1/session/" + id;
  EXPECT_EQ(bus_->busctl({"get-property", kName, path, kSession, "Name"}).out, "s \"secret\"\n");

  const Arguments manager{"call", kName, kPath, kManager};
  const auto call = [&](Arguments arguments) {
    arguments.insert(arguments.begin(), manager.begin(), manager.end());
    return as_nobody(arguments);
  };
  EXPECT_EQ(call({"ListSessions"}).out, "a(ssussuo) 0\n");
  const auto absent = call({"GetSession", "s", "0123456789abcdef"});
  const auto forbidden = call({"GetSession", "s", id});
  EXPECT_EQ(absent.status, 1);
  EXPECT_EQ(forbidden.err, "Call failed: no session '" + id + "'\n");
  EXPECT_EQ(absent.err, "Call failed: no session '0123456789abcdef'\n");
  EXPECT_EQ(as_nobody({"call", kName, path, kSession, "Terminate"}).err, forbidden.err);
  const auto drain = call({"Drain", "a{sv}", "0"});
  EXPECT_NE(drain.err.find("only root"), std::string::npos) << drain;

  EXPECT_EQ(as_nobody({"get-property", kName, kPath, kManager, "State"}).out, "s \"running\"\n");
  for (const Arguments& denied :
       {Arguments{"get-property", kName, path, kSession, "Name"},
        Arguments{"introspect", kName, path},
        Arguments{"call", kName, kPath, "org.freedesktop.DBus.ObjectManager",
                  "GetManagedObjects"}}) {
    const auto result = as_nobody(denied);
    EXPECT_NE(result.status, 0) << result;
    EXPECT_NE(result.err.find("denied"), std::string::npos) << result;
  }
}

TEST_F(DBusPolicy, OthersHearOnlyOfTheDaemonItself) {
  const auto address = bus_->address();
  const Process listener({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                          "dbus-monitor", "--address", address, "sender='org.ptyd1'"});
  ASSERT_TRUE(listener.out().wait_for("member=NameAcquired"));
  auto client = daemon_->connect();
  create(client, "secret", {"sleep", "1000"});
  ASSERT_EQ(bus_->busctl({"call", kName, kPath, kManager, "Drain", "a{sv}", "0"}).status, 0);
  EXPECT_TRUE(listener.out().wait_for("member=DrainProgress"));
  const auto heard = listener.out().text();
  EXPECT_NE(heard.find("member=StateChanged"), std::string::npos);
  EXPECT_EQ(heard.find("/org/ptyd1/session/"), std::string::npos) << heard;
  EXPECT_EQ(heard.find("secret"), std::string::npos) << heard;
}

}  // namespace
}  // namespace ptyd::test
