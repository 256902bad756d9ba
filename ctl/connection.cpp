// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/connection.hpp"

#include <optional>
#include <utility>

#include "common/socket_choice.hpp"
#include "common/unix_socket.hpp"
#include "common/version.hpp"

namespace ptyd {
namespace {

// A daemon that is alive greets at once; one that is being started by its socket needs a moment.
constexpr auto kHandshakePatience = std::chrono::seconds(10);
// Who was not greeted may come again: a daemon that ends or dies is followed by another.
constexpr auto kRetryPause = std::chrono::milliseconds(50);
constexpr auto kRetryTime = std::chrono::seconds(5);

}  // namespace

void pause(EventLoop& loop, Clock::duration time) {
  bool over = false;
  Timer timer(loop, [&over] { over = true; });
  timer.start(time);
  while (!over) loop.run_once(std::chrono::milliseconds(-1));
}

std::unique_ptr<Connection> Connection::open(EventLoop& loop, const std::string& path,
                                             std::string& problem) {
  const auto deadline = Clock::now() + kRetryTime;
  bool turned_away = false;
  auto connection = try_open(loop, path, problem, turned_away);
  while (!connection && turned_away && Clock::now() < deadline) {
    pause(loop, kRetryPause);
    connection = try_open(loop, path, problem, turned_away);
  }
  return connection;
}

std::unique_ptr<Connection> Connection::try_open(EventLoop& loop, const std::string& path,
                                                 std::string& problem, bool& turned_away) {
  std::error_code error;
  auto socket = connect_unix(path, error);
  if (!socket) {
    problem = connect_problem(path, error.value());
    return nullptr;
  }
  std::unique_ptr<Connection> connection(new Connection(loop, std::move(socket)));
  if (connection->shake_hands(path, problem)) return connection;
  turned_away = connection->lost() && connection->why_lost().empty();
  return nullptr;
}

Connection::Connection(EventLoop& loop, UniqueFd socket)
    : loop_(loop),
      channel_(loop, std::move(socket), std::string("ptyctl ") + kVersion,
               {.on_event = [this](const Json& event) {
                 if (on_event_) on_event_(event);
               }}) {}

bool Connection::shake_hands(const std::string& path, std::string& problem) {
  bool late = false;
  Timer timer(loop_, [&late] { late = true; });
  timer.start(kHandshakePatience);
  if (run_until([&] { return channel_.greeted() || late; }) && channel_.greeted()) return true;
  if (late) {
    problem = "the daemon on " + path + " does not answer";
  } else if (why_lost().empty()) {
    problem = "the daemon on " + path + " closed the connection; it may be stopping, try again";
  } else {
    problem = why_lost();
  }
  return false;
}

bool Connection::run_until(const std::function<bool()>& done) {
  while (!done()) {
    if (lost()) return false;
    loop_.run_once(std::chrono::milliseconds(-1));
  }
  return true;
}

Reply Connection::call(const Request& request) {
  std::optional<Reply> answer;
  const auto id = channel_.begin_call(request.method, request.params, request.body, request.on_item,
                                      [&answer](const Reply& reply) { answer = reply; });
  bool late = false;
  Timer timer(loop_, [&late] { late = true; });
  const bool limited = request.patience > Clock::duration::zero();
  for (auto seen = channel_.frames_seen() + 1; !answer && !late;) {
    if (limited && seen != channel_.frames_seen()) {
      seen = channel_.frames_seen();
      timer.start(request.patience);
    }
    loop_.run_once(std::chrono::milliseconds(-1));
  }
  if (answer) return *answer;
  channel_.give_up(id);
  return {{}, Failure{to_string(ErrorCode::kTimeout), "the daemon does not answer"}};
}

void Connection::begin_call(const Request& request, OnReply on_reply) {
  channel_.begin_call(request.method, request.params, request.body, request.on_item,
                      std::move(on_reply));
}

bool Connection::trusted() const {
  PeerCredentials peer;
  return !peer_credentials(channel_.fd(), peer) && (peer.uid == 0 || peer.uid == ::geteuid());
}

}  // namespace ptyd
