// SPDX-License-Identifier: LGPL-2.1-or-later
// The web gateway as units: of a user's own, and of the machine for a user.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <iostream>
#include <regex>

#include "common/unix_socket.hpp"
#include "tests/support/deadline.hpp"
#include "tests/support/sessions.hpp"
#include "tests/system/daemon.hpp"

namespace ptyd::test {
namespace {

constexpr char kMachinesGateway[] = "/run/ptyd-web/alice.sock";

RunResult alice(const Arguments& arguments) { return run(as_user("alice", arguments)); }

UniqueFd connect_to_port(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) fd.reset();
  return fd;
}

UniqueFd connect_to_path(const std::string& path) {
  std::error_code error;
  auto fd = connect_unix(path, error);
  const int flags = ::fcntl(fd.get(), F_GETFL);
  ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK);
  return fd;
}

// All of the answer to a GET; empty when there is none.
std::string get(const UniqueFd& fd, const std::string& path, const std::string& token = "") {
  const auto request = "GET " + path +
                       " HTTP/1.1\r\nHost: 127.0.0.1:7681\r\nConnection: close\r\n" +
                       (token.empty() ? "" : "Authorization: Bearer " + token + "\r\n") + "\r\n";
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return {};
  std::string answer;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;)
    answer.append(buffer, static_cast<std::size_t>(n));
  return answer;
}

// A browser's WebSocket, of which nothing is understood but the text in it: what a server sends is
// not masked.
class Socket {
 public:
  Socket(UniqueFd fd, const std::string& path, const std::string& token) : fd_(std::move(fd)) {
    const timeval patience{kPatience.count() / 1000, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    send("GET " + path +
         " HTTP/1.1\r\nHost: 127.0.0.1:7681\r\nOrigin: http://127.0.0.1:7681\r\n"
         "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer " +
         token + "\r\n\r\n");
  }
  // A short binary message; the mask that a client's needs is of zeros.
  void type(const std::string& keys) {
    send({'\x82', static_cast<char>(0x80 | keys.size()), 0, 0, 0, 0});
    send(keys);
  }
  // Waits for it after all that was waited for before. False when it is closed before that.
  bool wait_text(const std::string& text) {
    auto found = std::string::npos;
    while ((found = received_.find(text, seen_)) == std::string::npos) {
      char buffer[4096];
      const auto n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
      if (n <= 0) return false;
      received_.append(buffer, static_cast<std::size_t>(n));
    }
    seen_ = found + text.size();
    return true;
  }
  [[nodiscard]] const std::string& received() const { return received_; }

 private:
  void send(const std::string& bytes) {
    (void)::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  UniqueFd fd_;
  std::string received_;
  std::size_t seen_ = 0;
};

std::string token_of_alice() {
  const auto made = alice({kPtyctl, "web", "--token"});
  EXPECT_EQ(made.status, 0) << made;
  return made.out.substr(0, made.out.find('\n'));
}

TEST(Web, AUsersGatewayIsStartedByItsSocket) {
  enable_linger("alice");
  const auto systemctl = [](Arguments arguments) {
    arguments.insert(arguments.begin(), {"systemctl", "--user"});
    return alice(arguments);
  };
  ASSERT_EQ(systemctl({"start", "ptyd.socket", "ptyd-web.socket"}).status, 0);
  ASSERT_EQ(alice({kPtyctl, "new", "build", "-d", "--", "sleep", "1000"}).status, 0);
  EXPECT_TRUE(get(connect_to_port(7681), "/healthz").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(get(connect_to_port(7681), "/").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(get(connect_to_port(7681), "/api/sessions").starts_with("HTTP/1.1 401 "))
      << "not even from the machine itself";
  const auto token = token_of_alice();
  const auto answer = get(connect_to_port(7681), "/api/sessions", token);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
  EXPECT_NE(answer.find("\"name\":\"build\""), std::string::npos) << answer;
  EXPECT_EQ(alice({"stat", "-c", "%a %U", "/run/user/1000/ptyd-web"}).out, "700 alice\n");

  // Who was in is in still.
  EXPECT_EQ(systemctl({"restart", "ptyd-web.service"}).status, 0);
  EXPECT_TRUE(get(connect_to_port(7681), "/api/me", token).starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(systemctl({"stop", "ptyd-web.service"}).status, 0);
  EXPECT_TRUE(get(connect_to_port(7681), "/api/me", token).starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(alice({kPtyctl, "web", "--revoke", "all"}).status, 0);
  EXPECT_TRUE(get(connect_to_port(7681), "/api/me", token).starts_with("HTTP/1.1 401 "));
}

TEST(Web, TheMachinesGatewayForAUserIsExposedToLittle) {
  start_socket();
  ASSERT_EQ(alice({kPtyctl, "new", "build", "-d", "--", "sleep", "1000"}).status, 0);
  ASSERT_EQ(systemctl({"start", "ptyd-web@alice.socket"}).status, 0);
  EXPECT_EQ(run({"stat", "-c", "%a %U %G", kMachinesGateway}).out, "660 root www-data\n");
  const auto health = get(connect_to_path(kMachinesGateway), "/healthz");
  EXPECT_TRUE(health.starts_with("HTTP/1.1 200 ")) << health << journal("ptyd-web@alice.service");
  const auto token = token_of_alice();
  const auto answer = get(connect_to_path(kMachinesGateway), "/api/sessions", token);
  EXPECT_NE(answer.find("\"name\":\"build\""), std::string::npos) << answer;
  // Of the daemon's metrics a user has none.
  const auto metrics = get(connect_to_path(kMachinesGateway), "/metrics", token);
  EXPECT_NE(metrics.find("ptyd_web_daemon_connected 1"), std::string::npos) << metrics;
  EXPECT_EQ(metrics.find("ptyd_sessions"), std::string::npos) << metrics;
  EXPECT_EQ(unit_property("ptyd-web@alice.service", "User"), "alice");

  const auto all = run({"systemd-analyze", "--no-pager", "security", "ptyd-web@alice.service"});
  std::smatch match;
  ASSERT_TRUE(std::regex_search(all.out, match,
                                std::regex("exposure level for ptyd-web@alice.service: ([0-9.]+)")))
      << all;
  std::cout << "figure: " << match[0] << std::endl;
  EXPECT_LE(std::stod(match[1]), 1.5) << all.out;
  const auto log = journal("ptyd-web@alice.service");
  EXPECT_EQ(log.find("not permitted"), std::string::npos) << log;

  ASSERT_EQ(systemctl({"restart", "ptyd.service"}).status, 0);
  const auto after = get(connect_to_path(kMachinesGateway), "/api/sessions", token);
  EXPECT_NE(after.find("\"name\":\"build\""), std::string::npos) << after;
  EXPECT_EQ(systemctl({"stop", "ptyd-web@alice.socket", "ptyd-web@alice.service"}).status, 0);
  EXPECT_EQ(unit_property("ptyd-web@alice.service", "Result"), "success");
}

// Pages were only ever watched while the daemon was killed: a restart tells its clients more.
TEST(Web, ABrowserDoesNotNoticeThatTheDaemonIsRestarted) {
  start_socket();
  ASSERT_EQ(alice({kPtyctl, "new", "work", "-d", "--", "bash", "--norc"}).status, 0);
  ASSERT_EQ(systemctl({"start", "ptyd-web@alice.service"}).status, 0);
  const auto token = token_of_alice();
  Socket events(connect_to_path(kMachinesGateway), "/api/events", token);
  ASSERT_TRUE(events.wait_text("\"type\":\"sessions\"")) << events.received();
  Socket terminal(connect_to_path(kMachinesGateway),
                  "/api/sessions/work/terminal?rows=24&columns=80", token);
  ASSERT_TRUE(terminal.wait_text("\"type\":\"attached\"")) << terminal.received();
  const auto before = daemon_pid();
  for (const char* again : {"once", "twice"}) {
    ASSERT_EQ(systemctl({"restart", "ptyd.service"}).status, 0);
    terminal.type("echo it runs $((40 + 2)) " + std::string(again) + "\n");
    EXPECT_TRUE(terminal.wait_text("it runs 42 " + std::string(again))) << terminal.received();
    // The gateway has come back to the next daemon, and tells all anew.
    EXPECT_TRUE(events.wait_text("\"type\":\"sessions\"")) << events.received();
  }
  EXPECT_NE(daemon_pid(), before);
  for (const auto* socket : {&events, &terminal})
    for (const char* notice : {"shutdown", "\"connected\":false", "detached", "draining"})
      EXPECT_EQ(socket->received().find(notice), std::string::npos) << socket->received();
}

}  // namespace
}  // namespace ptyd::test
