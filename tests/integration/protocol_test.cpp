// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <random>

#include "common/unix_socket.hpp"
#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

using std::chrono::seconds;

// The daemon is as well as before.
void expect_unharmed(const Daemon& daemon) {
  auto client = daemon.connect();
  EXPECT_EQ(client.request("health").result.value("status", ""), "ok");
}

std::string error_code(ProtocolClient& client) {
  const auto frame = client.next_frame(FrameType::kError);
  const auto error = frame ? decode<ProtocolError>(frame->payload) : std::nullopt;
  return error ? error->code : "no error frame";
}

TEST(Protocol, TooNewAndTooOldClientsAreToldWhatToUpgrade) {
  const Daemon daemon;
  for (const auto& [version, culprit] : {std::pair{std::uint16_t{900}, "upgrade this side"},
                                         std::pair{std::uint16_t{0}, "expected a ptyd HELLO"}}) {
    ProtocolClient client(daemon.socket());
    Hello hello;
    hello.min_version = hello.max_version = version;
    ASSERT_TRUE(client.send(FrameType::kHello, encode_hello(hello)));
    const auto frame = client.next_frame(FrameType::kError);
    ASSERT_TRUE(frame);
    const auto error = decode<ProtocolError>(frame->payload);
    EXPECT_NE(error->message.find(culprit), std::string::npos) << error->message;
    EXPECT_TRUE(client.wait_closed());
  }
  // A newer client that still speaks the old version is served, and fields it adds are ignored.
  ProtocolClient client(daemon.socket());
  Hello newer;
  newer.max_version = 7;
  auto payload = encode_hello(newer);
  payload.insert(payload.end(), {1, 2, 3, 4});
  ASSERT_TRUE(client.send(FrameType::kHello, payload));
  EXPECT_TRUE(client.next_frame(FrameType::kHello));
}

TEST(Protocol, GarbageIsCutOffAndHarmsNobody) {
  const Daemon daemon;
  const std::vector<Bytes> garbage{
      Bytes(100, 0),
      Bytes(100, 0xff),
      encode_frame(FrameType::kHello, as_bytes("HTTP/1.1")),
      encode_frame(FrameType::kRequest, as_bytes("{}")),
      encode_frame(static_cast<FrameType>(250), {}),
      {0xff, 0xff, 0xff, 0x7f, 1, 0, 0, 0},
      {8, 0, 0, 0, 1, 0, 0, 1},
  };
  for (const auto& bytes : garbage) {
    ProtocolClient client(daemon.socket());
    ASSERT_TRUE(client.send_raw(bytes));
    EXPECT_TRUE(client.wait_closed());
  }
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    ProtocolClient client(daemon.socket());
    if (i % 2 == 0) client.hello();
    Bytes bytes(random() % 300);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    client.send_raw(bytes);
  }
  expect_unharmed(daemon);
}

TEST(Protocol, AnAnswerHasTheFieldsThatAreWanted) {
  const Daemon daemon;
  auto client = daemon.connect();
  const Json wanted{"name", "state"};
  const auto shown = [](const char* state) { return Json{{"name", "short"}, {"state", state}}; };
  EXPECT_EQ(client.request("create", {{"name", "short"}, {"command", {"cat"}}, {"fields", wanted}})
                .result,
            shown("active"));
  const Json params{{"session", "short"}, {"fields", wanted}};
  EXPECT_EQ(client.request("status", params).result, shown("active"));
  EXPECT_EQ(client.request("restart", params).result, shown("active"));
  EXPECT_EQ(client.request("terminate", params).result, shown("stopped"));
  EXPECT_EQ(client.request("wait", params).result, shown("stopped"));
  for (const auto* method : {"status", "wait", "terminate", "restart"})
    EXPECT_EQ(client.request(method, {{"session", "short"}, {"fields", {"colour"}}}).code(),
              "bad-request")
        << method;
}

TEST(Protocol, BadRequestsAreAnsweredOrCutOff) {
  const Daemon daemon;
  for (const auto* text :
       {"", "[]", "1", "{", "{\"id\": 1}", "{\"id\": \"x\", \"method\": \"list\"}",
        "{\"method\": \"list\"}", "{\"id\": 1, \"method\": 5}", "\xff\xfe",
        "{\"id\": 1.5, \"method\": \"list\"}"}) {
    auto client = daemon.connect();
    ASSERT_TRUE(client.send(FrameType::kRequest, as_bytes(text)));
    EXPECT_EQ(error_code(client), "bad-request") << text;
    EXPECT_TRUE(client.wait_closed()) << text;
  }
  auto client = daemon.connect();
  EXPECT_EQ(client.request("format-disk").code(), "unsupported");
  EXPECT_EQ(client.request("list", Json::array()).code(), "bad-request");
  EXPECT_EQ(client.request("list", {{"colour", "red"}}).code(), "bad-request");
  EXPECT_EQ(client.request("list", {{"fields", "name"}}).code(), "bad-request");
  EXPECT_EQ(client.request("list", {{"fields", {"name", "colour"}}}).code(), "bad-request");
  EXPECT_EQ(client.request("status").code(), "bad-request");
  EXPECT_EQ(client.request("status", {{"session", "nobody"}}).code(), "not-found");
  EXPECT_EQ(client.request("kill", {{"session", "nobody"}, {"signal", 0}}).code(), "not-found");
  for (const auto& name : {std::string("a/b"), std::string("a\x01"), std::string(65, 'x'),
                           std::string(".."), std::string("ab cd"), std::string("\xff")})
    EXPECT_EQ(client.request("create", {{"name", name}}).code(), "bad-request") << name;
  EXPECT_EQ(client.request("create", {{"command", {"true"}}, {"rows", 0}, {"columns", 80}}).code(),
            "bad-request");
  EXPECT_EQ(client.request("create", {{"command", {"true"}}, {"cwd", "relative"}}).code(),
            "bad-request");
  expect_unharmed(daemon);
}

TEST(Protocol, DeeplyNestedJsonIsNoProblem) {
  const Daemon daemon;
  auto client = daemon.connect();
  const auto text =
      "{\"id\": 1, \"method\": \"list\", \"params\": {\"a\": " + std::string(30'000, '[') +
      std::string(30'000, ']') + "}}";
  ASSERT_TRUE(client.send(FrameType::kRequest, as_bytes(text)));
  EXPECT_EQ(error_code(client), "bad-request");
  expect_unharmed(daemon);
}

TEST(Protocol, AFailedExecIsToldWithErrno) {
  const Daemon daemon;
  auto client = daemon.connect();
  const auto missing = client.request("create", {{"name", "x"}, {"command", {"/no/such/program"}}});
  EXPECT_EQ(missing.code(), "start-failed");
  EXPECT_EQ(missing.error.value("errno", 0), ENOENT);
  EXPECT_EQ(missing.error.value("stage", ""), "exec");
  EXPECT_EQ(missing.error.value("message", ""),
            "cannot run /no/such/program: No such file or directory");
  const auto forbidden = client.request("create", {{"command", {"/etc/passwd"}}});
  EXPECT_EQ(forbidden.error.value("errno", 0), EACCES);
  const auto folder = client.request("create", {{"command", {"true"}}, {"cwd", "/no/such/folder"}});
  EXPECT_EQ(folder.error.value("stage", ""), "cwd");
  EXPECT_TRUE(client.request("list").items.empty()) << "no session is left of it";
}

TEST(Protocol, WhoSaysNothingIsDroppedInTime) {
  const Daemon daemon;
  ProtocolClient silent(daemon.socket());
  ProtocolClient half(daemon.socket());
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(half.send_raw(Bytes{5}));
  EXPECT_TRUE(silent.wait_closed());
  EXPECT_TRUE(half.wait_closed());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, seconds(4));
}

TEST(Protocol, WhoDoesNotReadIsNotReadFrom) {
  Daemon daemon;
  auto client = daemon.connect();
  create_shell(client, "shell");
  for (int i = 0; i < 30; ++i) create(client, "s" + std::to_string(i), {"sleep", "1000"});
  // A client that asks and never reads: the daemon stops taking its requests.
  ProtocolClient greedy(daemon.socket());
  ASSERT_TRUE(greedy.hello());
  const auto request =
      encode_frame(FrameType::kRequest, encode_message({{"id", 1}, {"method", "list"}}));
  int sent = 0;
  const auto before = client.request("health").result.value("memoryUsage", 0LL);
  ::fcntl(greedy.fd(), F_SETFL, ::fcntl(greedy.fd(), F_GETFL) | O_NONBLOCK);
  while (sent < 100'000 && ::send(greedy.fd(), request.data(), request.size(), MSG_NOSIGNAL) ==
                               static_cast<ssize_t>(request.size()))
    ++sent;
  EXPECT_LT(sent, 100'000);
  const auto after = client.request("health").result.value("memoryUsage", 0LL);
  EXPECT_LT(after - before, 64LL << 20);
  expect_unharmed(daemon);
}

TEST(Protocol, TooManyRequestsAtOnceAreRefusedOneByOne) {
  Daemon daemon;
  auto client = daemon.connect();
  create_shell(client, "shell");
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 70; ++i) ids.push_back(client.begin_request("wait", {{"session", "shell"}}));
  EXPECT_EQ(client.wait_answer(ids.back()).code(), "limit");
  ASSERT_TRUE(daemon.connect().request("terminate", {{"session", "shell"}}).answered);
  EXPECT_TRUE(client.wait_answer(ids.front()).result.is_object());
}

TEST(Protocol, DescriptorsThatNobodyAskedForEndTheConnection) {
  const Daemon daemon;
  ProtocolClient client(daemon.socket());
  ASSERT_TRUE(client.hello());
  const auto request =
      encode_frame(FrameType::kRequest, encode_message({{"id", 1}, {"method", "list"}}));
  ASSERT_GT(send_with_fd(client.fd(), request, STDERR_FILENO), 0);
  EXPECT_EQ(error_code(client), "bad-request");
  EXPECT_TRUE(client.wait_closed());
  expect_unharmed(daemon);
}

TEST(Protocol, NothingMayFollowAnAttach) {
  Daemon daemon;
  auto client = daemon.connect();
  create_shell(client, "shell");
  auto eager = daemon.connect();
  auto bytes = encode_frame(
      FrameType::kRequest,
      encode_message({{"id", 1}, {"method", "attach"}, {"params", {{"session", "shell"}}}}));
  const auto more =
      encode_frame(FrameType::kRequest, encode_message({{"id", 2}, {"method", "list"}}));
  bytes.insert(bytes.end(), more.begin(), more.end());
  ASSERT_TRUE(eager.send_raw(bytes));
  EXPECT_EQ(error_code(eager), "bad-request");
  EXPECT_TRUE(eager.wait_closed());
  expect_unharmed(daemon);
}

// A command line that JSON makes six times as long did not fit a frame, and no list could be had.
TEST(Protocol, ALongCommandFitsAFrame) {
  Daemon daemon;
  auto client = daemon.connect();
  create(client, "long", {"bash", "-c", "sleep 1000", std::string(9'000, '\x01')});
  const auto list = client.request("list");
  ASSERT_EQ(list.items.size(), 1U);
  EXPECT_EQ(list.items.front().json["item"].value("name", ""), "long");
}

TEST(Protocol, LimitsOfSessionsHold) {
  Daemon daemon(DaemonOptions{.config = "limits: {sessions: 2}\n"});
  auto client = daemon.connect();
  create(client, "a", {"sleep", "1000"});
  create(client, "b", {"sleep", "1000"});
  const auto refused = client.request("create", {{"command", {"true"}}});
  EXPECT_EQ(refused.code(), "limit");
  EXPECT_NE(refused.error.value("message", "").find("limits.sessions"), std::string::npos);
  ASSERT_TRUE(client.request("terminate", {{"session", "a"}}).result.is_object());
  create(client, "c", {"sleep", "1000"});
}

TEST(Protocol, NamesAreUniqueAmongTheLiving) {
  Daemon daemon;
  auto client = daemon.connect();
  create(client, "web", {"sleep", "1000"});
  EXPECT_EQ(client.request("create", {{"name", "web"}, {"command", {"true"}}}).code(), "exists");
  ASSERT_TRUE(client.request("terminate", {{"session", "web"}}).result.is_object());
  create(client, "web", {"sleep", "1000"});
  EXPECT_EQ(client.request("list").items.size(), 1U);
  EXPECT_EQ(client.request("create", {{"command", {"sleep", "9"}}}).result.value("name", ""),
            "sleep");
  EXPECT_EQ(client.request("create", {{"command", {"sleep", "9"}}}).result.value("name", ""),
            "sleep-2");
}

// Only this uid's sessions can be started without a service manager, and that is said.
TEST(Protocol, AnotherUserIsToldWhatToDo) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to be two users";
  Daemon daemon(DaemonOptions{.arguments = {"--system"}});
  auto client = daemon.connect();
  const auto mine = create(client, "mine", {"sleep", "1000"});
  const auto refused = daemon.ptyctl_as_nobody({"new", "-d", "--", "true"});
  EXPECT_EQ(refused.status, 1) << refused;
  EXPECT_NE(refused.err.find("run a ptyd --user of your own"), std::string::npos) << refused;
  EXPECT_EQ(daemon.ptyctl_as_nobody({"--json=short", "list"}).out, "[]\n");
  const auto forbidden = daemon.ptyctl_as_nobody({"terminate", mine.value("id", "")});
  const auto absent = daemon.ptyctl_as_nobody({"terminate", "0123456789abcdef"});
  EXPECT_EQ(forbidden.status, 1);
  EXPECT_EQ(absent.status, 1);
  const auto id = mine.value("id", "");
  auto as_if_absent = forbidden.err;
  for (auto at = as_if_absent.find(id); at != std::string::npos; at = as_if_absent.find(id))
    as_if_absent.replace(at, id.size(), "0123456789abcdef");
  EXPECT_NE(absent.err.find("no session '0123456789abcdef'"), std::string::npos) << absent;
  EXPECT_EQ(as_if_absent, absent.err) << "the answers tell the two cases apart";
  EXPECT_EQ(daemon.ptyctl_as_nobody({"drain"}).status, 1);
  EXPECT_EQ(client.request("status", {{"session", "mine"}}).result.value("state", ""), "active");
}

}  // namespace
}  // namespace ptyd::test
