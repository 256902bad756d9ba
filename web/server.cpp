// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string_view>
#include <utility>
#include <vector>

#include "common/service/log.hpp"
#include "common/text.hpp"
#include "web/event_socket.hpp"
#include "web/terminal_socket.hpp"

namespace ptyd::web {
namespace {

// Grants that have expired are looked for so often; revoked ones are noticed at once.
constexpr std::chrono::seconds kGrantsInterval{30};

constexpr std::string_view kTooMany =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n"
    "Content-Length: 0\r\n\r\n";

int family_of(int fd) {
  int family = AF_UNIX;
  socklen_t size = sizeof family;
  ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
  return family;
}

// "/api/sessions/ID/terminal" → ID; nothing for other paths.
std::optional<std::string> terminal_of(std::string_view path) {
  constexpr std::string_view kBegin = "/api/sessions/";
  constexpr std::string_view kEnd = "/terminal";
  if (!path.starts_with(kBegin) || !path.ends_with(kEnd) ||
      path.size() <= kBegin.size() + kEnd.size())
    return std::nullopt;
  path.remove_prefix(kBegin.size());
  path.remove_suffix(kEnd.size());
  return unescape_url(path);
}

TerminalOptions terminal_options(std::string session, const Target& target) {
  TerminalOptions options;
  options.session = std::move(session);
  const auto rows = target.number("rows").value_or(0);
  const auto columns = target.number("columns").value_or(0);
  if (rows >= 1 && rows <= kMaxTerminalSide && columns >= 1 && columns <= kMaxTerminalSide)
    options.size =
        TerminalSize{static_cast<std::uint16_t>(rows), static_cast<std::uint16_t>(columns)};
  options.read_only = target.parameter("readOnly").value_or("") == "true";
  options.position = target.number("position");
  return options;
}

}  // namespace

Server::Server(Loop& loop, const Config& config, const Gate& gate, const Page& page,
               AccessFolder& access, Listener& listener)
    : loop_(loop),
      config_(config),
      access_(access),
      listener_(listener),
      link_(
          loop.events(), config.daemon.socket,
          {[this](const Json& event) { broadcast(event); },
           [this] { for_each_websocket([](WebSocket& socket) { socket.on_daemon_connected(); }); },
           [this] { for_each_websocket([](WebSocket& socket) { socket.on_daemon_stopped(); }); }}),
      services_{config_, gate, page, access_, link_, metrics_},
      api_(services_),
      connection_owner_{
          loop.events(),
          [this](const Request& request, const Api::Respond& respond) {
            api_.handle(request, respond);
          },
          [this](const Request& request, Stream& stream,
                 const std::function<void(Response&)>& decorate) {
            return open_websocket(request, stream, decorate);
          },
          [this](const Response& response) {
            ++metrics_.responses.at(std::min<std::size_t>(response.result_int() / 100, 5));
          },
          [this](Connection& connection) {
            connections_.erase(&connection);
            metrics_.connections = connections_.size();
            check_stopped();
          }},
      websocket_owner_{loop.events(),
                       [this](WebSocket& socket) {
                         websockets_.erase(&socket);
                         metrics_.websockets = websockets_.size();
                         check_stopped();
                       }},
      grants_timer_(loop.events(), [this] { check_grants(); }),
      stop_timer_(loop.events(), [this] {
        if (on_stopped_) std::exchange(on_stopped_, {})();
      }) {}

void Server::start() {
  access_.watch(loop_.events(), [this] { check_grants(); });
  grants_timer_.start(kGrantsInterval);
  listener_.start(loop_.events(), [this](UniqueFd socket) { on_connection(std::move(socket)); });
}

void Server::on_connection(UniqueFd socket) {
  if (connections_.size() + websockets_.size() >= config_.limits.connections) {
    [[maybe_unused]] const auto n =
        ::send(socket.get(), kTooMany.data(), kTooMany.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return;
  }
  const int family = family_of(socket.get());
  if (family != AF_UNIX) {
    const int on = 1;  // keys and their echo are small and must not wait for each other
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  Stream stream(loop_.io());
  boost::system::error_code error;
  stream.socket().assign(boost::asio::generic::stream_protocol(family, 0), socket.get(), error);
  if (error) return;
  [[maybe_unused]] const int owned = socket.release();
  auto connection = std::make_shared<Connection>(connection_owner_, std::move(stream));
  connections_.emplace(connection.get(), connection);
  metrics_.connections = connections_.size();
  connection->start();
}

std::optional<Response> Server::open_websocket(const Request& request, Stream& stream,
                                               const std::function<void(Response&)>& decorate) {
  Grant grant;
  if (auto refusal = api_.check_websocket(request, grant)) return refusal;
  if (websockets_.size() >= config_.limits.websockets)
    return make_error(http::status::service_unavailable, "limit", "too many terminals are open",
                      std::chrono::seconds(5));
  auto socket = make_websocket(request, stream, std::move(grant));
  if (!socket) return make_error(http::status::not_found, "not-found", "there is nothing here");
  websockets_.emplace(socket.get(), socket);
  metrics_.websockets = websockets_.size();
  ++metrics_.websockets_total;
  socket->accept(request, decorate);
  return std::nullopt;
}

std::shared_ptr<WebSocket> Server::make_websocket(const Request& request, Stream& stream,
                                                  Grant grant) {
  const Target target(to_view(request.target()));
  if (target.path == "/api/events")
    return std::make_shared<EventSocket>(websocket_owner_, std::move(stream), std::move(grant),
                                         link_);
  auto session = terminal_of(target.path);
  if (!session) return nullptr;
  return std::make_shared<TerminalSocket>(websocket_owner_, std::move(stream), std::move(grant),
                                          link_, terminal_options(std::move(*session), target));
}

template <typename F>
void Server::for_each_websocket(F f) {
  // A copy: each may close meanwhile.
  std::vector<std::shared_ptr<WebSocket>> sockets;
  sockets.reserve(websockets_.size());
  for (const auto& [key, socket] : websockets_) sockets.push_back(socket);
  for (const auto& socket : sockets) f(*socket);
}

void Server::broadcast(const Json& event) {
  for_each_websocket([&](WebSocket& socket) { socket.on_event(event); });
}

void Server::check_grants() {
  grants_timer_.start(kGrantsInterval);
  for_each_websocket([this](WebSocket& socket) {
    if (!access_.holds(socket.grant()))
      socket.close(WebSocket::kPolicy, "this browser's access was revoked or has expired");
  });
}

void Server::stop(std::function<void()> on_stopped) {
  services_.stopping = true;
  on_stopped_ = std::move(on_stopped);
  listener_.stop();
  log::info("Stopping: " + plural(websockets_.size(), "WebSocket") + " and " +
            plural(connections_.size(), "connection") + " are told; sessions go on");
  stop_timer_.start(kStopTime);
  // "gateway": the sessions do not end.
  broadcast({{"type", "server.shutdown"},
             {"message", "Server shutting down"},
             {"gracePeriodMs", kStopTime.count()},
             {"gateway", true}});
  for_each_websocket(
      [](WebSocket& socket) { socket.close(WebSocket::kGoingAway, "ptyd-web is shutting down"); });
  std::vector<std::shared_ptr<Connection>> connections;
  for (const auto& [key, connection] : connections_) connections.push_back(connection);
  for (const auto& connection : connections) connection->finish();
  check_stopped();
}

void Server::check_stopped() {
  if (on_stopped_ && connections_.empty() && websockets_.empty()) std::exchange(on_stopped_, {})();
}

}  // namespace ptyd::web
