// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/server.hpp"

#include <system_error>

#include "common/protocol.hpp"
#include "common/service/log.hpp"
#include "common/version.hpp"
#include "daemon/client.hpp"
#include "daemon/session_fields.hpp"

namespace ptyd {
namespace {

// So much later than kStallTimeout a stalled client may be dropped.
constexpr std::chrono::seconds kStallCheckEvery{5};

}  // namespace

// One accepted socket: first a stranger, then a client, or a host and then no longer ours.
struct Server::Connection {
  Connection(EventLoop& loop, std::function<void()> on_handshake_overdue)
      : handshake(loop, std::move(on_handshake_overdue)) {}

  std::unique_ptr<FrameChannel> channel;
  PeerCredentials peer;
  bool greeted = false;
  std::shared_ptr<Client> client;  // null until it has said that it is one
  Timer handshake;
};

Server::Server(Core& core, const Config& config)
    : core_(core), limits_(config.limits), stall_check_(core.loop, [this] { drop_stalled(); }) {
  core_.sessions.add_observer(this);
  core_.lifecycle.add_observer(this);
}

Server::~Server() {
  core_.lifecycle.remove_observer(this);
  core_.sessions.remove_observer(this);
}

std::size_t Server::clients() const {
  std::size_t count = 0;
  for (const auto& [number, connection] : connections_)
    if (connection->client) ++count;
  return count;
}

// Strangers are counted with clients: who connects and says nothing takes a place of his own uid's.
// Hosts are strangers only for a moment, but may all come at once after a restart.
bool Server::over_limit(uid_t uid) const {
  std::uint64_t strangers = 0;
  std::uint64_t strangers_of_uid = 0;
  for (const auto& [number, connection] : connections_) {
    if (connection->client) continue;
    ++strangers;
    if (connection->peer.uid == uid) ++strangers_of_uid;
  }
  return strangers >= limits_.clients + limits_.sessions ||
         (uid != 0 && strangers_of_uid >= limits_.clients_per_user + limits_.sessions_per_user);
}

void Server::on_connection(UniqueFd socket) {
  PeerCredentials peer;
  if (peer_credentials(socket.get(), peer)) return;
  // Not worth an answer: the peer did not wait for one, and answers cost what the limit protects.
  if (over_limit(peer.uid)) {
    log::debug("Too many connections of uid " + std::to_string(peer.uid) + "; closing one");
    return;
  }
  try {
    greet(std::move(socket), peer);
  } catch (const std::system_error& e) {
    log::error(std::string("Cannot serve a connection: ") + e.what());  // out of watches or memory
  }
}

void Server::greet(UniqueFd socket, const PeerCredentials& peer) {
  const auto number = ++last_number_;
  auto connection = std::make_unique<Connection>(core_.loop, [this, number] { remove(number); });
  connection->peer = peer;
  connection->channel = std::make_unique<FrameChannel>(
      core_.loop, std::move(socket), FrameChannel::Limits{},
      FrameChannel::Callbacks{
          .on_frame = [this, number](const Frame& frame) { on_frame(number, frame); },
          .on_closed =
              [this, number, peer](const std::string& reason) {
                if (!reason.empty())
                  log_misdeed(peer.uid, "Client " + std::to_string(number) + ": " + reason);
                remove(number);
              },
          .on_drained = {}});
  connection->handshake.start(kHandshakeTimeout);
  if (connections_.empty()) stall_check_.start(kStallCheckEvery);
  connections_[number] = std::move(connection);
}

void Server::on_frame(std::uint64_t number, const Frame& frame) {
  auto& connection = *connections_.at(number);
  if (!connection.greeted) return on_hello(number, connection, frame);
  // Kept for the call: passing the client on ends the connection.
  if (const auto client = connection.client) return client->on_frame(frame);
  on_register(number, connection, frame);
}

void Server::on_hello(std::uint64_t number, Connection& connection, const Frame& frame) {
  const auto hello = frame.type == FrameType::kHello ? decode_hello(frame.payload) : std::nullopt;
  if (!hello) return refuse(connection, {ErrorCode::kBadRequest, "expected a ptyd HELLO"});
  if (!common_version(*hello))
    return refuse(connection,
                  {ErrorCode::kVersionMismatch, version_mismatch(*hello, "your program")});
  const bool is_client = hello->role == Role::kClient;
  if (!is_client && hello->role != Role::kHost)
    return refuse(connection, {ErrorCode::kBadRequest, "unknown role in HELLO"});
  // Not greeted, it knows that nothing of it was begun, and comes again.
  if (is_client && newcomers_ == Newcomers::kTurnedAway) return remove(number);
  connection.greeted = true;
  Hello answer;
  answer.role = Role::kServer;
  answer.software = std::string("ptyd ") + kVersion;
  connection.channel->send(FrameType::kHello, encode_hello(answer));
  if (!is_client) return;  // goes on with REGISTER, under the same deadline
  connection.handshake.stop();
  if (newcomers_ == Newcomers::kRefused)
    return refuse(connection, {ErrorCode::kShuttingDown, "ptyd is shutting down"});
  std::uint64_t of_uid = 0;
  for (const auto& [other, c] : connections_)
    if (c->client && c->peer.uid == connection.peer.uid) ++of_uid;
  if (connection.peer.uid != 0 &&
      (clients() >= limits_.clients || of_uid >= limits_.clients_per_user))
    return refuse(connection, {ErrorCode::kLimit, "too many connections are open already"});
  connection.client = std::make_shared<Client>(
      core_, *connection.channel,
      Caller{connection.peer.uid, "client " + std::to_string(number) + " (uid " +
                                      std::to_string(connection.peer.uid) + ")"},
      number, [this, number] { remove(number); });
  core_.on_connections_changed();
}

void Server::on_register(std::uint64_t number, Connection& connection, const Frame& frame) {
  const auto registration =
      frame.type == Register::kType ? decode<Register>(frame.payload) : std::nullopt;
  if (!registration)
    return refuse(connection, {ErrorCode::kBadRequest, "expected a valid REGISTER"});
  const auto error =
      core_.sessions.register_host(connection.channel, connection.peer, *registration);
  if (!error) return remove(number);
  log_misdeed(connection.peer.uid, "Refused a session host of uid " +
                                       std::to_string(connection.peer.uid) + ": " + error->message);
  refuse(connection, *error);
}

void Server::log_misdeed(uid_t uid, std::string line) {
  line = core_.misdeeds.pass(uid, std::move(line));
  if (!line.empty()) log::info(line, {}, log::Event::kProtocolViolation);
}

void Server::refuse(Connection& connection, const Error& error) {
  connection.handshake.start(kHandshakeTimeout);  // to read this and go
  connection.channel->send(ProtocolError::kType,
                           encode(ProtocolError{to_string(error.code), error.message}));
  connection.channel->close_after_flush();
}

void Server::remove(std::uint64_t number) {
  // Kept until the end: its channel may be what calls.
  const auto node = connections_.extract(number);
  if (!node.empty() && node.mapped()->client) core_.on_connections_changed();
  if (connections_.empty() && all_closed_) std::exchange(all_closed_, {})();
}

void Server::drop_stalled() {
  const auto last = Clock::now() - kStallTimeout;
  std::vector<std::uint64_t> stalled;
  for (const auto& [number, connection] : connections_)
    if (connection->channel && connection->channel->stalled_since().value_or(last) < last)
      stalled.push_back(number);
  for (const auto number : stalled) {
    const auto& connection = *connections_.at(number);
    log_misdeed(connection.peer.uid,
                "Client " + std::to_string(number) +
                    (connection.channel->queued() > 0 ? " does not read its answers"
                                                      : " leaves a request unfinished") +
                    "; closing its connection");
    remove(number);
  }
  if (!connections_.empty()) stall_check_.start(kStallCheckEvery);
}

std::size_t Server::broadcast(const Json& event) {
  const auto payload = encode_message(event);
  std::size_t count = 0;
  for (const auto& [number, connection] : connections_) {
    if (!connection->client) continue;
    connection->channel->send(FrameType::kEvent, payload);
    ++count;
  }
  return count;
}

void Server::close_all(std::function<void()> done) {
  if (connections_.empty()) return done();
  all_closed_ = std::move(done);
  for (const auto& [number, connection] : connections_)
    if (connection->channel) connection->channel->close_after_flush();
}

void Server::tell_monitors(const char* type, const Session& session) {
  Bytes payload;
  for (const auto& [number, connection] : connections_) {
    const auto& client = connection->client;
    if (!client || !client->monitors() || !may_use(client->caller(), session.uid)) continue;
    if (payload.empty())
      payload = encode_message({{"type", type}, {"session", to_public_json(session)}});
    connection->channel->send(FrameType::kEvent, payload);
  }
}

void Server::on_session_added(const Session& session) { tell_monitors("session.new", session); }
void Server::on_session_changed(const Session& session) {
  tell_monitors("session.changed", session);
}
void Server::on_session_removed(const Session& session) {
  tell_monitors("session.removed", session);
}

void Server::on_state_changed(DaemonState from, DaemonState to) {
  const auto payload =
      encode_message({{"type", "state"}, {"from", to_string(from)}, {"to", to_string(to)}});
  for (const auto& [number, connection] : connections_)
    if (connection->client && connection->client->monitors())
      connection->channel->send(FrameType::kEvent, payload);
}

void Server::on_drain_progress(const DrainProgress& progress) {
  const auto payload = encode_message({{"type", "drain.progress"},
                                       {"sessions", progress.sessions},
                                       {"total", progress.total},
                                       {"remainingMs", progress.remaining.count()}});
  for (const auto& [number, connection] : connections_)
    // The counts are of all users' sessions.
    if (connection->client && connection->client->monitors() &&
        is_admin(connection->client->caller()))
      connection->channel->send(FrameType::kEvent, payload);
}

}  // namespace ptyd
