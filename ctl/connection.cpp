// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/connection.hpp"

#include <utility>

#include "common/protocol.hpp"
#include "common/text.hpp"
#include "common/unix_socket.hpp"
#include "common/version.hpp"
#include "ctl/session_view.hpp"
#include "ctl/socket_choice.hpp"

namespace ptyd {
namespace {

// A daemon that is alive greets at once; one that is being started by its socket needs a moment.
constexpr auto kHandshakePatience = std::chrono::seconds(10);
// Who was not greeted may come again: a daemon that ends or dies is followed by another.
constexpr auto kRetryPause = std::chrono::milliseconds(50);
constexpr auto kRetryTime = std::chrono::seconds(5);

std::optional<std::int64_t> id_of(const Json& json) {
  const auto id = json.find("id");
  if (id == json.end() || !id->is_number_integer()) return std::nullopt;
  return id->get<std::int64_t>();
}

Reply reply_of(const Json& json) {
  Reply reply;
  if (const auto error = json.find("error"); error != json.end()) {
    reply.failure = Failure{text_of(*error, "code"), text_of(*error, "message")};
    if (reply.failure->message.empty()) reply.failure->message = "the daemon gave no reason";
  } else if (const auto result = json.find("result"); result != json.end() && result->is_object()) {
    reply.result = *result;
  }
  return reply;
}

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
  turned_away = connection->lost_ && connection->why_lost_.empty();
  return nullptr;
}

Connection::Connection(EventLoop& loop, UniqueFd socket)
    : loop_(loop),
      channel_(loop, std::move(socket), FrameChannel::Limits(),
               {[this](const Frame& frame) { on_frame(frame); },
                [this](const std::string& reason) { on_closed(reason); },
                {}}) {}

bool Connection::shake_hands(const std::string& path, std::string& problem) {
  bool late = false;
  Timer timer(loop_, [&late] { late = true; });
  timer.start(kHandshakePatience);
  Hello hello;
  hello.software = std::string("ptyctl ") + kVersion;
  channel_.send(FrameType::kHello, encode_hello(hello));
  if (run_until([&] { return greeted_ || late; }) && greeted_) return true;
  if (late) {
    problem = "the daemon on " + path + " does not answer";
  } else if (why_lost_.empty()) {
    problem = "the daemon on " + path + " closed the connection; it may be stopping, try again";
  } else {
    problem = why_lost_;
  }
  return false;
}

bool Connection::run_until(const std::function<bool()>& done) {
  while (!done()) {
    if (lost_) return false;
    loop_.run_once(std::chrono::milliseconds(-1));
  }
  return true;
}

Reply Connection::call(const Request& request) {
  std::optional<Reply> answer;
  begin_call(request, [&answer](const Reply& reply) { answer = reply; });
  const auto id = next_id_ - 1;
  bool late = false;
  Timer timer(loop_, [&late] { late = true; });
  const bool limited = request.patience > Clock::duration::zero();
  for (auto seen = frames_seen_ + 1; !answer && !late;) {
    if (limited && seen != frames_seen_) {
      seen = frames_seen_;
      timer.start(request.patience);
    }
    loop_.run_once(std::chrono::milliseconds(-1));
  }
  if (answer) return *answer;
  pending_.erase(id);
  return {{}, Failure{to_string(ErrorCode::kTimeout), "the daemon does not answer"}};
}

void Connection::begin_call(const Request& request, OnReply on_reply) {
  const auto id = next_id_++;
  if (lost_) {
    loop_.post([this, on_reply = std::move(on_reply)] { on_reply({{}, lost_failure()}); });
    return;
  }
  pending_.emplace(id, Pending{request.on_item, std::move(on_reply)});
  const Json json{{"id", id}, {"method", request.method}, {"params", request.params}};
  const auto payload = encode_message(json, request.body);
  if (payload.size() <= kMaxFramePayload) {
    channel_.send(FrameType::kRequest, payload);
    return;
  }
  loop_.post([this, id] {
    auto pending = pending_.extract(id);
    if (pending.empty()) return;
    const Failure failure{to_string(ErrorCode::kLimit), "the request is too large"};
    pending.mapped().on_reply({{}, failure});
  });
}

bool Connection::trusted() const {
  PeerCredentials peer;
  return !peer_credentials(channel_.fd(), peer) && (peer.uid == 0 || peer.uid == ::geteuid());
}

FrameChannel& Connection::take_over(FrameChannel::Callbacks callbacks) {
  channel_.set_callbacks(std::move(callbacks));
  return channel_;
}

void Connection::on_frame(const Frame& frame) {
  ++frames_seen_;
  switch (frame.type) {
    case FrameType::kHello: return on_hello(frame);
    case FrameType::kError: {
      const auto error = decode<ProtocolError>(frame.payload);
      why_lost_ = error ? error->message : "the daemon refused the connection";
      return channel_.close_after_flush();
    }
    case FrameType::kItem:
    case FrameType::kReply:
    case FrameType::kEvent: return on_answer(frame);
    default: return;  // of a newer version: nothing that was asked for
  }
}

void Connection::on_hello(const Frame& frame) {
  const auto hello = decode_hello(frame.payload);
  if (hello && common_version(*hello)) {
    greeted_ = true;
    return;
  }
  why_lost_ = hello ? version_mismatch(*hello, "the daemon") : "this is not a ptyd daemon";
  channel_.close_after_flush();
}

void Connection::on_answer(const Frame& frame) {
  const auto message = decode_message(frame.payload);
  if (!message) {
    why_lost_ = "the daemon sent something that is no message";
    return channel_.close_after_flush();
  }
  if (frame.type == FrameType::kEvent) {
    if (on_event_) on_event_(message->json);
    return;
  }
  const auto id = id_of(message->json);
  const auto pending = id ? pending_.find(*id) : pending_.end();
  if (pending == pending_.end()) return;  // given up on
  if (frame.type == FrameType::kItem) {
    const auto item = message->json.find("item");
    if (pending->second.on_item)
      pending->second.on_item(item == message->json.end() ? Json::object() : *item, message->body);
    return;
  }
  const auto done = pending_.extract(pending);
  done.mapped().on_reply(reply_of(message->json));
}

void Connection::on_closed(const std::string& reason) {
  lost_ = true;
  if (why_lost_.empty() && !reason.empty()) why_lost_ = "bad data from the daemon: " + reason;
  const auto abandoned = std::exchange(pending_, {});
  for (const auto& [id, pending] : abandoned) pending.on_reply({{}, lost_failure()});
}

Failure Connection::lost_failure() const {
  const std::string why = why_lost_.empty() ? "the daemon closed the connection" : why_lost_;
  return {kConnectionLost, why};
}

}  // namespace ptyd
