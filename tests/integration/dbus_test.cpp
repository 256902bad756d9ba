// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "dbus/sdbus_compat.hpp"
#include "tests/integration/bus_names.hpp"
#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/message_bus.hpp"

namespace ptyd::test {
namespace {

using VariantMap = std::map<std::string, sdbus::Variant>;

// "so \"ID\" \"PATH\"\n" and the like: the strings in what busctl prints.
std::vector<std::string> strings_of(const RunResult& result) {
  std::vector<std::string> strings;
  std::istringstream in(result.out);
  std::string text;
  for (bool inside = false; std::getline(in, text, '"'); inside = !inside)
    if (inside) strings.push_back(text);
  return strings;
}

class DBus : public testing::Test {
 protected:
  RunResult call(Arguments arguments) const {
    Arguments all{"--", "call", kName, kPath, kManager};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return bus_.busctl(all);
  }
  RunResult call_session(const std::string& path, Arguments arguments) const {
    Arguments all{"--", "call", kName, path, kSession};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return bus_.busctl(all);
  }
  // As busctl prints it: "s \"active\"".
  std::string property(const std::string& path, const std::string& interface,
                       const std::string& name) const {
    auto text = bus_.busctl({"get-property", kName, path, interface, name}).out;
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }
  bool becomes(const std::string& path, const std::string& interface, const std::string& name,
               const std::string& value) const {
    return eventually([&] { return property(path, interface, name) == value; });
  }
  // A session that runs until it is ended; its path.
  std::string create_sleeper(const std::string& name) const {
    const auto created = call(
        {"CreateSession", "a{sv}", "2", "name", "s", name, "command", "as", "2", "sleep", "1000"});
    EXPECT_EQ(created.status, 0) << created;
    const auto strings = strings_of(created);
    return strings.size() == 2 ? strings[1] : "";
  }
  std::unique_ptr<sdbus::IConnection> connect() const {
    return sdbus::createSessionBusConnectionWithAddress(bus_.address());
  }
  // busctl monitor, once it sees all that ptyd sends.
  std::unique_ptr<Process> monitor() const {
    auto process = std::make_unique<Process>(
        Arguments{"busctl", "--address=" + bus_.address(), "monitor", kName});
    EXPECT_TRUE(process->err().wait_for("Monitoring bus message stream."));
    return process;
  }

  MessageBus bus_;
  Daemon daemon_{{.bus_address = bus_.address()}};
};

// The name of the error that a call ends with; empty when it succeeds.
template <typename... Arguments>
std::string error_of(sdbus::IProxy& proxy, const char* interface, const char* method,
                     const Arguments&... arguments) {
  try {
    proxy.callMethod(method).onInterface(interface).withArguments(arguments...);
    return "";
  } catch (const sdbus::Error& e) {
    return e.getName();
  }
}

TEST_F(DBus, ThereAreTheManagerAndItsProperties) {
  EXPECT_EQ(property(kPath, kManager, "State"), "s \"running\"");
  EXPECT_EQ(property(kPath, kManager, "SessionCount"), "u 0");
  EXPECT_EQ(property(kPath, kManager, "QueuedCount"), "u 0");
  EXPECT_EQ(property(kPath, kManager, "DrainDeadline"), "t 0");
  EXPECT_EQ(property(kPath, kManager, "StoreStatus"), "s \"ok\"");
  auto client = daemon_.connect();
  const auto health = client.request("health").result;
  EXPECT_EQ(property(kPath, kManager, "InstanceId"),
            "s \"" + health.value("instanceId", "") + "\"");
  EXPECT_EQ(property(kPath, kManager, "Version"), "s \"" + health.value("version", "") + "\"");
  EXPECT_TRUE(becomes(kPath, kManager, "ClientCount", "u 1"));
  EXPECT_EQ(call({"ListSessions"}).out, "a(ssussuo) 0\n");
}

TEST_F(DBus, ASessionIsCreatedAndShownWithAllThatIsKnown) {
  const auto created = call({"CreateSession",
                             "a{sv}",
                             "10",
                             "name",
                             "s",
                             "worker",
                             "command",
                             "as",
                             "2",
                             "sleep",
                             "1000",
                             "environment",
                             "a{ss}",
                             "1",
                             "TOKEN",
                             "hunter2",
                             "cwd",
                             "s",
                             "/",
                             "term",
                             "s",
                             "dumb",
                             "rows",
                             "q",
                             "30",
                             "columns",
                             "q",
                             "100",
                             "stopInput",
                             "s",
                             "quit",
                             "stopTimeoutMs",
                             "u",
                             "1500",
                             "scrollbackBytes",
                             "t",
                             "131072"});
  ASSERT_EQ(created.status, 0) << created;
  const auto strings = strings_of(created);
  ASSERT_EQ(strings.size(), 2U);
  const auto& id = strings[0];
  const auto& path = strings[1];
  EXPECT_EQ(path, "/org/ptyd1/session/" + id);
  auto client = daemon_.connect();
  const auto shown = client.request("status", {{"session", "worker"}}).result;
  EXPECT_EQ(shown.value("id", ""), id);
  const auto show = [&](const char* name) { return property(path, kSession, name); };
  EXPECT_EQ(show("Id"), "s \"" + id + "\"");
  EXPECT_EQ(show("Name"), "s \"worker\"");
  EXPECT_EQ(show("Uid"), "u " + std::to_string(::getuid()));
  EXPECT_EQ(show("State"), "s \"active\"");
  EXPECT_EQ(show("Command"), "as 2 \"sleep\" \"1000\"");
  EXPECT_EQ(show("Cwd"), "s \"/\"");
  EXPECT_EQ(show("Pid"), "u " + std::to_string(shown.value("pid", 0)));
  EXPECT_EQ(show("HostPid"), "u " + std::to_string(shown.value("hostPid", 0)));
  EXPECT_EQ(show("Terminal"), "s \"" + shown.value("terminal", "") + "\"");
  EXPECT_EQ(show("Rows"), "q 30");
  EXPECT_EQ(show("Columns"), "q 100");
  EXPECT_EQ(show("Clients"), "u 0");
  EXPECT_EQ(show("EndedAt"), "t 0");
  EXPECT_EQ(show("EndedBy"), "s \"\"");
  EXPECT_EQ(show("ExitStatus"), "i -1");
  EXPECT_EQ(show("OutputBytes"), "t 0");
  EXPECT_EQ(show("StopInput"), "s \"quit\"");
  EXPECT_EQ(show("StopTimeoutMs"), "u 1500");
  EXPECT_EQ(show("ScrollbackBytes"), "t 131072");

  const auto objects = bus_.busctl(
      {"call", kName, kPath, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"});
  EXPECT_NE(objects.out.find(path), std::string::npos) << objects;
  EXPECT_EQ(objects.out.find("hunter2"), std::string::npos) << "an environment is secret";
  EXPECT_EQ(call({"GetSession", "s", "worker"}).out, "o \"" + path + "\"\n");
  EXPECT_EQ(call({"GetSession", "s", id}).out, "o \"" + path + "\"\n");
  const auto list = call({"ListSessions"});
  EXPECT_TRUE(list.out.starts_with("a(ssussuo) 1 \"" + id + "\" \"worker\" ")) << list;
  EXPECT_NE(bus_.busctl({"tree", "--list", kName}).out.find(path), std::string::npos);
}

TEST_F(DBus, SessionsAreTypedToReadResizedAndEnded) {
  auto client = daemon_.connect();
  const auto id = create_shell(client, "shell").value("id", "");
  const auto path = "/org/ptyd1/session/" + id;
  ASSERT_TRUE(wait_printed(client, "shell", "ready> "));
  EXPECT_EQ(call({"SendInput", "say", "shell", "3", "58", "32", "10"}).status, 0);  // ": \n"
  const auto sent = call_session(path, {"SendInput", "ay", "8", "101", "99", "104", "111", "32",
                                        "111", "107", "10"});  // "echo ok\n"
  EXPECT_EQ(sent.status, 0) << sent;
  ASSERT_TRUE(wait_printed(client, "shell", "\rok\r\n"));
  const auto capture = call_session(path, {"Capture", "u", "0"});
  EXPECT_NE(capture.out.find(" 13 111 107 13 10 "), std::string::npos) << capture;
  const auto last_line = call_session(path, {"Capture", "u", "1"});
  EXPECT_EQ(last_line.out.find(" 13 111 107 13 10 "), std::string::npos) << last_line;

  EXPECT_EQ(call_session(path, {"Resize", "qq", "50", "120"}).status, 0);
  EXPECT_TRUE(becomes(path, kSession, "Rows", "q 50"));
  EXPECT_EQ(property(path, kSession, "Columns"), "q 120");

  EXPECT_EQ(call_session(path, {"Kill", "i", "1"}).status, 0);
  EXPECT_TRUE(becomes(path, kSession, "State", "s \"stopped\""));
  EXPECT_EQ(property(path, kSession, "EndedBy"), "s \"SIGHUP\"");
  EXPECT_EQ(property(path, kSession, "Pid"), "u 0");

  const auto second = create_sleeper("second");
  EXPECT_EQ(call({"TerminateSession", "s", "second"}).status, 0);
  EXPECT_EQ(property(second, kSession, "State"), "s \"stopped\"") << "it returns after the end";
  const auto third = create_sleeper("third");
  EXPECT_EQ(call_session(third, {"Terminate"}).status, 0);
  EXPECT_EQ(property(third, kSession, "EndedBy"), "s \"SIGTERM\"");
  const auto fourth = create_sleeper("fourth");
  EXPECT_EQ(call({"KillSession", "si", "fourth", "9"}).status, 0);
  EXPECT_TRUE(becomes(fourth, kSession, "EndedBy", "s \"SIGKILL\""));
  EXPECT_EQ(property(kPath, kManager, "SessionCount"), "u 0");
}

TEST_F(DBus, TheExitStatusIsShown) {
  const auto created = call({"CreateSession", "a{sv}", "2", "name", "s", "short", "command", "as",
                             "3", "sh", "-c", "exit 7"});
  ASSERT_EQ(created.status, 0) << created;
  const auto path = strings_of(created).back();
  EXPECT_TRUE(becomes(path, kSession, "EndedBy", "s \"exited\""));
  EXPECT_EQ(property(path, kSession, "ExitStatus"), "i 7");
  EXPECT_NE(property(path, kSession, "EndedAt"), "t 0");
}

TEST_F(DBus, AttachGivesAConnectionToTheSession) {
  auto client = daemon_.connect();
  const auto id = create_shell(client, "shell").value("id", "");
  const auto connection = connect();
  for (const bool by_manager : {true, false}) {
    const auto path = by_manager ? std::string(kPath) : "/org/ptyd1/session/" + id;
    const auto proxy = sdbus_compat::make_proxy(*connection, kName, path.c_str());
    const VariantMap options{{"rows", sdbus::Variant(std::uint16_t{33})},
                             {"columns", sdbus::Variant(std::uint16_t{99})},
                             {"restore", sdbus::Variant(std::string("tail"))}};
    sdbus::UnixFd fd;
    if (by_manager)
      proxy->callMethod("AttachSession")
          .onInterface(kManager)
          .withArguments(std::string("shell"), options)
          .storeResultsTo(fd);
    else
      proxy->callMethod("Attach").onInterface(kSession).withArguments(options).storeResultsTo(fd);
    ASSERT_TRUE(fd.isValid());
    EXPECT_EQ(::fcntl(fd.get(), F_GETFL) & O_NONBLOCK, 0);
    ProtocolClient viewer{UniqueFd(fd.release())};
    const auto frame = viewer.next_frame(FrameType::kAttached);
    ASSERT_TRUE(frame);
    const auto attached = decode<Attached>(frame->payload);
    ASSERT_TRUE(attached);
    EXPECT_EQ(attached->id, id);
    EXPECT_EQ(attached->rows, 33);
    EXPECT_EQ(attached->columns, 99);
    ASSERT_TRUE(viewer.read_output_until("ready> "));
    const std::string word = by_manager ? "manager" : "session";
    ASSERT_TRUE(viewer.input("echo by-the-" + word + "\r"));
    EXPECT_TRUE(viewer.read_output_until("\rby-the-" + word + "\r\n"));
    EXPECT_TRUE(becomes("/org/ptyd1/session/" + id, kSession, "Clients", "u 1"));
  }
  EXPECT_TRUE(becomes("/org/ptyd1/session/" + id, kSession, "Clients", "u 0"));
}

TEST_F(DBus, AReadOnlyClientCannotType) {
  auto client = daemon_.connect();
  create_shell(client, "shell");
  const auto connection = connect();
  const auto proxy = sdbus_compat::make_proxy(*connection, kName, kPath);
  sdbus::UnixFd fd;
  proxy->callMethod("AttachSession")
      .onInterface(kManager)
      .withArguments(std::string("shell"), VariantMap{{"readOnly", sdbus::Variant(true)}})
      .storeResultsTo(fd);
  ProtocolClient viewer{UniqueFd(fd.release())};
  const auto frame = viewer.next_frame(FrameType::kAttached);
  ASSERT_TRUE(frame);
  EXPECT_EQ(decode<Attached>(frame->payload)->read_only, 1);
}

TEST_F(DBus, ErrorsHaveTheNamesOfTheirCodes) {
  const auto path = create_sleeper("there");
  const auto connection = connect();
  const auto manager = sdbus_compat::make_proxy(*connection, kName, kPath);
  const auto session = sdbus_compat::make_proxy(*connection, kName, path.c_str());
  const std::string absent = "absent";
  const std::string there = "there";
  const VariantMap none;
  const std::string not_found = "org.ptyd1.Error.NotFound";
  const std::string bad_request = "org.ptyd1.Error.BadRequest";
  EXPECT_EQ(error_of(*manager, kManager, "GetSession", absent), not_found);
  EXPECT_EQ(error_of(*manager, kManager, "TerminateSession", absent), not_found);
  EXPECT_EQ(error_of(*manager, kManager, "KillSession", absent, std::int32_t{15}), not_found);
  EXPECT_EQ(error_of(*manager, kManager, "SendInput", absent, Bytes{65}), not_found);
  EXPECT_EQ(error_of(*manager, kManager, "AttachSession", absent, none), not_found);
  EXPECT_EQ(error_of(*manager, kManager, "GetSession", std::string("no name")), bad_request);
  EXPECT_EQ(error_of(*manager, kManager, "KillSession", there, std::int32_t{0}), bad_request);
  EXPECT_EQ(error_of(*manager, kManager, "SendInput", there, Bytes(32 * 1024 + 1, 'x')),
            bad_request);
  EXPECT_EQ(error_of(*manager, kManager, "CancelDrain"), bad_request);
  const auto create = [&](const VariantMap& properties) {
    return error_of(*manager, kManager, "CreateSession", properties);
  };
  EXPECT_EQ(create({{"nmae", sdbus::Variant(there)}}), bad_request);
  EXPECT_EQ(create({{"rows", sdbus::Variant(std::uint32_t{24})}}), bad_request);
  EXPECT_EQ(create({{"name", sdbus::Variant(there)}}), "org.ptyd1.Error.Exists");
  EXPECT_EQ(create({{"command", sdbus::Variant(std::vector<std::string>{"/nonexistent"})}}),
            "org.ptyd1.Error.StartFailed");
  EXPECT_EQ(error_of(*manager, kManager, "AttachSession", there,
                     VariantMap{{"rows", sdbus::Variant(std::uint16_t{24})}}),
            bad_request);
  EXPECT_EQ(error_of(*manager, kManager, "Drain",
                     VariantMap{{"graceMs", sdbus::Variant(std::uint64_t{1} << 40)}}),
            bad_request);
  EXPECT_EQ(error_of(*session, kSession, "Resize", std::uint16_t{0}, std::uint16_t{80}),
            bad_request);
  EXPECT_EQ(error_of(*session, kSession, "Kill", std::int32_t{1000}), bad_request);
  EXPECT_EQ(error_of(*session, kSession, "Terminate"), "");
  EXPECT_EQ(error_of(*session, kSession, "SendInput", Bytes{65}), "org.ptyd1.Error.NotRunning");
  EXPECT_EQ(error_of(*session, kSession, "Attach", none), "org.ptyd1.Error.NotRunning");
}

TEST_F(DBus, UnusualTextDoesNotCostTheConnection) {
  auto client = daemon_.connect();
  const auto created =
      create(client, "odd", {"sleep", "1000"}, {{"stopInput", std::string("a\0b\n", 4)}});
  const auto path = "/org/ptyd1/session/" + created.value("id", "");
  EXPECT_EQ(property(path, kSession, "StopInput"), "s \"a\\\\x00b\\\\x0a\"");
  EXPECT_EQ(property(kPath, kManager, "State"), "s \"running\"");
}

TEST_F(DBus, SignalsTellWhatHappens) {
  const auto watching = monitor();
  const auto path = create_sleeper("seen");
  ASSERT_FALSE(path.empty());
  const auto& seen = watching->out();
  EXPECT_TRUE(seen.wait_for("Member=SessionNew"));
  EXPECT_TRUE(seen.wait_for("Member=InterfacesAdded"));
  EXPECT_EQ(call_session(path, {"Terminate"}).status, 0);
  EXPECT_TRUE(seen.wait_for("STRING \"EndedBy\""));
  EXPECT_TRUE(seen.wait_for("STRING \"SessionCount\""));
  EXPECT_EQ(seen.text().find("STRING \"ClientCount\""), std::string::npos);
  auto client = daemon_.connect();
  EXPECT_TRUE(seen.wait_for("STRING \"ClientCount\""));
  // An ended session gives way to a new one of its name, once its host is gone.
  EXPECT_TRUE(eventually([&] { return daemon_.hosts().empty(); }));
  create_sleeper("seen");
  EXPECT_TRUE(seen.wait_for("Member=SessionRemoved"));
  EXPECT_TRUE(seen.wait_for("Member=InterfacesRemoved"));
  EXPECT_NE(bus_.busctl({"get-property", kName, path, kSession, "State"}).status, 0);
}

TEST_F(DBus, TheQueueIsSeen) {
  const auto watching = monitor();
  EXPECT_EQ(call({"Drain", "a{sv}", "1", "graceMs", "t", "600000"}).status, 0);
  const auto made = call(
      {"CreateSession", "a{sv}", "2", "command", "as", "2", "sleep", "1000", "queue", "b", "true"});
  const auto strings = strings_of(made);
  ASSERT_EQ(strings.size(), 2U) << made;
  EXPECT_EQ(strings[1], "/org/ptyd1/session/" + strings[0]);
  EXPECT_EQ(property(kPath, kManager, "QueuedCount"), "u 1");
  EXPECT_EQ(property(kPath, kManager, "SessionCount"), "u 0");
  EXPECT_NE(bus_.busctl({"get-property", kName, strings[1], kSession, "State"}).status, 0);
  const auto& seen = watching->out();
  EXPECT_TRUE(seen.wait_for("Member=QueueEntryAdded"));
  EXPECT_TRUE(seen.wait_for("STRING \"QueuedCount\""));
  EXPECT_EQ(call({"CancelDrain"}).status, 0);
  EXPECT_TRUE(becomes(kPath, kManager, "QueuedCount", "u 0"));
  EXPECT_TRUE(seen.wait_for("Member=QueueEntryChanged"));
  EXPECT_TRUE(seen.wait_for("STRING \"processing\""));
  EXPECT_TRUE(seen.wait_for("STRING \"completed\""));
  EXPECT_TRUE(becomes(strings[1], kSession, "State", "s \"active\""));
}

TEST_F(DBus, ADrainIsSeenFromItsBeginningToItsEnd) {
  const auto watching = monitor();
  create_sleeper("worker");
  EXPECT_EQ(call({"Drain", "a{sv}", "1", "graceMs", "t", "600000"}).status, 0);
  EXPECT_EQ(property(kPath, kManager, "State"), "s \"draining\"");
  EXPECT_TRUE(eventually([&] { return property(kPath, kManager, "DrainDeadline").size() > 3; }));
  const auto& seen = watching->out();
  EXPECT_TRUE(seen.wait_for("Member=StateChanged"));
  EXPECT_TRUE(seen.wait_for("Member=DrainProgress"));
  EXPECT_TRUE(seen.wait_for("STRING \"DrainDeadline\""));
  const auto refused = call({"CreateSession", "a{sv}", "0"});
  EXPECT_NE(refused.err.find("draining"), std::string::npos) << refused;
  EXPECT_EQ(call({"CancelDrain"}).status, 0);
  EXPECT_EQ(property(kPath, kManager, "State"), "s \"running\"");
  EXPECT_TRUE(becomes(kPath, kManager, "DrainDeadline", "t 0"));
  create_sleeper("again");
}

TEST_F(DBus, AStopIsSeenToItsEnd) {
  const auto watching = monitor();
  create_sleeper("worker");
  EXPECT_EQ(daemon_.terminate(), (ExitResult{EndKind::kExited, 0}));
  EXPECT_TRUE(watching->out().wait_for_regex("STRING \"stopping\";\\s+STRING \"stopped\""));
}

TEST_F(DBus, SessionsOfAnEarlierDaemonAreThere) {
  const auto path = create_sleeper("survivor");
  daemon_.kill9();
  daemon_.start();
  EXPECT_TRUE(becomes(path, kSession, "State", "s \"active\""));
  EXPECT_EQ(call_session(path, {"Terminate"}).status, 0);
}

TEST_F(DBus, ABusThatHangsHoldsNobodyUp) {
  auto client = daemon_.connect();
  const auto id = create(client, "sized", {"sleep", "1000"}).value("id", "");
  const auto path = "/org/ptyd1/session/" + id;
  const auto answer =
      bus_.busctl({"call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                   "GetConnectionUnixProcessID", "s", "org.freedesktop.DBus"});
  const pid_t bus_pid = std::stoi(answer.out.substr(2));  // "u 123"
  ASSERT_EQ(::kill(bus_pid, SIGSTOP), 0);
  // Far more signals than a socket's buffer has room for.
  constexpr int kChanges = 3000;
  for (int i = 1; i <= kChanges; ++i) {
    const auto resized =
        client.request("resize", {{"session", id}, {"rows", 20 + i % 50}, {"columns", 80}});
    if (!resized.answered || !resized.error.is_null()) {
      ADD_FAILURE() << "resize " << i << ": " << resized.error;
      break;
    }
  }
  ::kill(bus_pid, SIGCONT);
  EXPECT_TRUE(becomes(path, kSession, "Rows", "q " + std::to_string(20 + kChanges % 50)));
}

TEST_F(DBus, ABusThatGoesAwayIsNotFatal) {
  create_sleeper("worker");
  bus_.stop();
  EXPECT_TRUE(daemon_.wait_for_log("The message bus is gone"));
  auto client = daemon_.connect();
  EXPECT_EQ(client.request("list").items.size(), 1U);
  // And it does not look for the bus all the time.
  const auto ticks = [&] {
    std::ifstream stat("/proc/" + std::to_string(daemon_.pid()) + "/stat");
    std::string word;
    long user = 0;
    long system = 0;
    for (int i = 0; i < 13; ++i) stat >> word;
    stat >> user >> system;
    return user + system;
  };
  const auto before = ticks();
  ::usleep(500'000);
  EXPECT_LT(ticks() - before, ::sysconf(_SC_CLK_TCK) / 5);
  EXPECT_EQ(client.request("terminate", {{"session", "worker"}}).error, Json());
}

TEST_F(DBus, OnlyOneDaemonHasTheName) {
  Daemon second({.bus_address = bus_.address()});
  EXPECT_TRUE(second.wait_for_log("Not on D-Bus: another process has the name org.ptyd1"));
  EXPECT_EQ(second.json({"health"}).value("state", ""), "running");
  auto client = daemon_.connect();
  const auto id = client.request("health").result.value("instanceId", "");
  EXPECT_EQ(property(kPath, kManager, "InstanceId"), "s \"" + id + "\"");
}

TEST(NoDBus, TheSocketServesAllTheSame) {
  Daemon daemon;
  EXPECT_TRUE(daemon.wait_for_log("Not on D-Bus: .*; the socket serves all the same"));
  EXPECT_EQ(daemon.json({"health"}).value("status", ""), "ok");
}

TEST(NoDBus, ADaemonOfAUserIsOnTheSessionBus) {
  MessageBus bus;
  Daemon daemon({.arguments = {"--user"},
                 .environment = {{"DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent"}},
                 .bus_address = bus.address()});
  EXPECT_EQ(bus.busctl({"get-property", kName, kPath, kManager, "State"}).out, "s \"running\"\n");
}

}  // namespace
}  // namespace ptyd::test
