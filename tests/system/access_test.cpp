// SPDX-License-Identifier: LGPL-2.1-or-later
// Several users on one daemon: what is another's is not there. And hosts that are none.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "common/scrollback/scrollback.hpp"
#include "tests/support/sessions.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/system/daemon.hpp"
#include "tests/system/forged_host.hpp"

namespace ptyd::test {
namespace {

// What a stranger gets for a session that is another's, and for one that is nobody's.
void expect_same_answers(ProtocolClient& client, const std::string& others,
                         const std::string& absent) {
  const auto ask = [&](const std::string& method, Json params, const std::string& session) {
    params["session"] = session;
    auto text = client.request(method, params).error.dump();
    const auto at = text.find(session);
    return at == std::string::npos ? text : text.replace(at, session.size(), "NAME");
  };
  const std::vector<std::pair<std::string, Json>> requests{
      {"status", Json::object()},
      {"detach", Json::object()},
      {"send", Json::object()},
      {"capture", Json::object()},
      {"wait", Json::object()},
      {"terminate", Json::object()},
      {"kill", {{"signal", 9}}},
      {"restart", Json::object()},
      {"resize", {{"rows", 10}, {"columns", 10}}},
      {"attach", Json::object()}};
  for (const auto& [method, params] : requests) {
    const auto answer = ask(method, params, others);
    EXPECT_NE(answer.find("not-found"), std::string::npos) << method << answer;
    EXPECT_EQ(answer, ask(method, params, absent)) << method;
  }
}

TEST(Access, OthersSessionsAreNotThere) {
  start_socket();
  auto alice = client_of("alice");
  auto bob = client_of("bob");
  const auto secret = create_shell(alice, "secret");
  EXPECT_TRUE(bob.request("list").items.empty());
  expect_same_answers(bob, "secret", "absent");
  expect_same_answers(bob, secret.value("id", ""), "0123456789abcdef");
  expect_same_answers(bob, "alice/secret", "alice/absent");
  // Nor does its name stand in bob's way, or its birth and end reach his ears.
  auto monitor = client_of("bob");
  ASSERT_TRUE(monitor.request("monitor").result.is_object());
  create_shell(bob, "secret");
  const auto event = monitor.next_event("session.new");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->at("session").value("user", ""), "bob");
  ASSERT_TRUE(alice.request("terminate", {{"session", "secret"}}).result.is_object());
  ASSERT_TRUE(bob.request("terminate", {{"session", "secret"}}).result.is_object());
  while (const auto next = monitor.next_event()) {
    if (!next->contains("session")) continue;
    EXPECT_EQ(next->at("session").value("user", ""), "bob") << *next;
    if (next->at("session").value("state", "") == "stopped") break;
  }
  // root sees all, and may use all, by user/name.
  auto root = client_of("root");
  EXPECT_EQ(root.request("list").items.size(), 2U);
  EXPECT_EQ(root.request("status", {{"session", "alice/secret"}}).result.value("id", ""),
            secret.value("id", ""));
}

TEST(Access, DrainIsRoots) {
  start_socket();
  auto alice = client_of("alice");
  EXPECT_EQ(alice.request("drain").code(), "denied");
  EXPECT_EQ(alice.request("cancel-drain").code(), "denied");
  auto root = client_of("root");
  EXPECT_TRUE(root.request("drain").result.is_object());
  EXPECT_EQ(alice.request("create", {{"command", {"bash"}}}).code(), "draining");
  EXPECT_TRUE(root.request("cancel-drain").result.is_object());
  create_shell(alice, "shell");
}

TEST(Access, OthersSessionsAreNotThereOnTheBus) {
  start_socket();
  auto alice = client_of("alice");
  const auto id = create_shell(alice, "secret").value("id", "");
  const auto busctl = [](const std::string& user, const Arguments& arguments) {
    Arguments all{"busctl", "--no-pager"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return user == "root" ? run(all) : run(as_user(user, all));
  };
  const auto call = [&](const std::string& user, Arguments arguments) {
    arguments.insert(arguments.begin(), {"call", "org.ptyd1", "/org/ptyd1", "org.ptyd1.Manager"});
    return busctl(user, arguments);
  };
  EXPECT_NE(call("alice", {"ListSessions"}).out.find(id), std::string::npos);
  EXPECT_NE(call("root", {"ListSessions"}).out.find(id), std::string::npos);
  const auto listed = call("bob", {"ListSessions"});
  EXPECT_EQ(listed.out, "a(ssussuo) 0\n") << listed;
  const auto forbidden = call("bob", {"GetSession", "s", id});
  const auto absent = call("bob", {"GetSession", "s", "0123456789abcdef"});
  EXPECT_NE(forbidden.status, 0);
  auto same = absent.err;
  same.replace(same.find("0123456789abcdef"), 16, id);
  EXPECT_EQ(forbidden.err, same);
  for (const auto& method : {"TerminateSession", "GetSession"})
    EXPECT_NE(call("bob", {method, "s", "secret"}).status, 0) << method;
  EXPECT_NE(call("bob", {"KillSession", "si", "secret", "9"}).status, 0);
  EXPECT_NE(call("bob", {"SendInput", "say", "secret", "1", "10"}).status, 0);
  EXPECT_NE(call("bob", {"AttachSession", "sa{sv}", "secret", "0"}).status, 0);
  const auto object = "/org/ptyd1/session/" + id;
  EXPECT_NE(
      busctl("bob", {"get-property", "org.ptyd1", object, "org.ptyd1.Session", "Name"}).status, 0);
  EXPECT_NE(busctl("bob", {"call", "org.ptyd1", object, "org.ptyd1.Session", "Terminate"}).status,
            0);
  EXPECT_EQ(busctl("bob", {"tree", "org.ptyd1"}).out.find(id), std::string::npos);
  EXPECT_EQ(alice.request("status", {{"session", "secret"}}).result.value("state", ""), "active");
}

// ---- hosts that are none ----

ProtocolClient host_of(const std::string& user) {
  auto host = connect_as(user);
  EXPECT_TRUE(host.hello(Role::kHost));
  return host;
}

UniqueFd memfd(std::size_t size, unsigned flags) {
  UniqueFd fd(::memfd_create("forged", MFD_CLOEXEC | flags));
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(size)), 0);
  return fd;
}

TEST(Access, ForgedHostsCostTheDaemonNothing) {
  start_socket();
  const auto daemon = daemon_pid();
  auto alice = client_of("alice");
  const auto session = create_shell(alice, "shell");
  // Another's session, by its id; with a scrollback that could be one.
  {
    auto spec = plausible_spec();
    spec.id = session.value("id", "");
    auto host = host_of("bob");
    const auto fd = memfd(1 << 20, MFD_ALLOW_SEALING);
    EXPECT_EQ(register_as(host, plausible_registration(spec), fd.get()), "not-found");
  }
  // A scrollback that could shrink under the daemon's reading, one that is empty, one that is huge
  // by its own account, a pipe, and none at all.
  for (const std::size_t size : {std::size_t{1} << 20, std::size_t{0}, std::size_t{1}}) {
    auto host = host_of("bob");
    const auto fd = memfd(size, MFD_ALLOW_SEALING);
    EXPECT_EQ(register_as(host, plausible_registration(plausible_spec()), fd.get()), "bad-request");
  }
  {
    auto host = host_of("bob");
    const auto fd = memfd(1 << 20, MFD_ALLOW_SEALING);
    const char header[] = "ptscroll\1\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff";
    EXPECT_EQ(::pwrite(fd.get(), header, sizeof header, 0), static_cast<ssize_t>(sizeof header));
    EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    EXPECT_EQ(register_as(host, plausible_registration(plausible_spec()), fd.get()), "bad-request");
  }
  {
    auto host = host_of("bob");
    int pipe[2];
    ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    const UniqueFd reader(pipe[0]);
    const UniqueFd writer(pipe[1]);
    EXPECT_EQ(register_as(host, plausible_registration(plausible_spec()), reader.get()),
              "bad-request");
  }
  {
    auto host = host_of("bob");
    EXPECT_EQ(register_as(host, plausible_registration(plausible_spec()), -1), "bad-request");
  }
  // Garbage instead of a registration.
  for (const char* bytes : {"GET / HTTP/1.1\r\n\r\n", "\1\0\0\0\100\0\0\0\1", "\377\377\377\377"}) {
    auto host = host_of("bob");
    host.send_raw(as_bytes(std::string_view(bytes, 9)));
    ::shutdown(host.fd(), SHUT_WR);
    EXPECT_TRUE(host.wait_closed());
  }
  EXPECT_TRUE(client_of("bob").request("list").items.empty());
  EXPECT_EQ(daemon_pid(), daemon);
  alice.request("send", {{"session", "shell"}}, "echo still $((40 + 2))\n");
  EXPECT_TRUE(wait_printed(alice, "shell", "still 42"));
}

// A host's registration that is in order in every respect but that there are ten thousand of them.
TEST(Access, TenThousandRegistrationsAreBounded) {
  start_socket();
  const auto daemon = daemon_pid();
  auto alice = client_of("alice");
  create_shell(alice, "shell");
  std::vector<ProtocolClient> kept;
  std::vector<Scrollback> scrollbacks;
  int accepted = 0;
  std::map<std::string, int> refusals;
  const auto descriptors = [&] {
    const auto folder = "/proc/" + std::to_string(daemon) + "/fd";
    return std::distance(std::filesystem::directory_iterator(folder), {});
  };
  for (int i = 0; i < 10'000; ++i) {
    auto host = host_of("bob");
    std::error_code error;
    auto scrollback = Scrollback::create(64 * 1024, error);
    ASSERT_FALSE(error) << error.message();
    const auto code = register_as(host, plausible_registration(plausible_spec()), scrollback->fd());
    if (code.empty()) {
      ++accepted;
      kept.push_back(std::move(host));
      scrollbacks.push_back(std::move(*scrollback));
    } else {
      ++refusals[code];
    }
  }
  EXPECT_EQ(accepted, 200) << "limits.sessions_per_user";
  EXPECT_EQ(refusals, (std::map<std::string, int>{{"limit", 9800}}));
  EXPECT_LE(descriptors(), 200 * 3 + 100);
  EXPECT_EQ(daemon_pid(), daemon);
  alice.request("send", {{"session", "shell"}}, "echo still $((40 + 2))\n");
  EXPECT_TRUE(wait_printed(alice, "shell", "still 42"));
  EXPECT_EQ(alice.request("list").items.size(), 1U);
}

TEST(Access, LimitsHoldPerUserAndInAll) {
  write_file("/etc/ptyd/ptyd.yaml", "limits:\n  sessions: 5\n  sessions_per_user: 3\n");
  start_socket();
  auto alice = client_of("alice");
  auto bob = client_of("bob");
  for (int i = 0; i < 3; ++i) create_shell(alice, "shell-" + std::to_string(i));
  const auto fourth = alice.request("create", {{"command", {"bash"}}});
  EXPECT_EQ(fourth.code(), "limit");
  EXPECT_NE(fourth.error.dump().find("limits.sessions_per_user"), std::string::npos);
  for (int i = 0; i < 2; ++i) create_shell(bob, "shell-" + std::to_string(i));
  const auto sixth = bob.request("create", {{"command", {"bash"}}});
  EXPECT_EQ(sixth.code(), "limit");
  EXPECT_NE(sixth.error.dump().find("limits.sessions)"), std::string::npos);
  ASSERT_TRUE(alice.request("terminate", {{"session", "shell-0"}}).result.is_object());
  create_shell(bob, "shell-2");
}

}  // namespace
}  // namespace ptyd::test
