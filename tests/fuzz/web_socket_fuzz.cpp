// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever a browser sends on the WebSocket of a terminal ends that one at most.
#include <sys/socket.h>

#include <boost/beast/websocket/rfc6455.hpp>
#include <memory>
#include <string>

#include "common/unix_socket.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "web/loop.hpp"
#include "web/terminal_socket.hpp"

using namespace ptyd;
using namespace ptyd::web;

namespace {

struct Gateway {
  Loop loop;
  DaemonLink link{loop.events(), "/nowhere/at/all", {[](const Json&) {}, [] {}, [] {}}};
  std::size_t closed = 0;
  WebSocket::Owner owner{loop.events(), [this](WebSocket&) { ++closed; }};

  // One turn of both loops; false when there was nothing to do.
  bool turn() {
    loop.events().run_once(std::chrono::milliseconds(0));
    return loop.io().poll() != 0;
  }
};

Request upgrade() {
  Request request{http::verb::get, "/", 11};
  request.set(http::field::host, "x");
  request.set(http::field::connection, "upgrade");
  request.set(http::field::upgrade, "websocket");
  request.set(http::field::sec_websocket_key, "dGhlIHNhbXBsZSBub25jZQ==");
  request.set(http::field::sec_websocket_version, "13");
  return request;
}

void drain(int socket) {
  char buffer[4096];
  while (::recv(socket, buffer, sizeof buffer, MSG_DONTWAIT) > 0) continue;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Gateway gateway;
  fuzz::Input input(data, size);
  std::error_code failed;
  auto pair = unix_socket_pair(failed);
  auto& browser = pair.first;
  Stream stream(gateway.loop.io());
  boost::system::error_code error;
  stream.socket().assign(boost::asio::generic::stream_protocol(AF_UNIX, 0), pair.second.release(),
                         error);
  fuzz::require(!failed && !error);
  auto socket = std::make_shared<TerminalSocket>(gateway.owner, std::move(stream), Grant(),
                                                 gateway.link, TerminalOptions());
  const auto closed = gateway.closed;
  socket->accept(upgrade(), [](Response&) {});
  while (gateway.turn()) drain(browser.get());
  fuzz::in_pieces(input, fuzz::take_byte(input), [&](fuzz::Input piece) {
    [[maybe_unused]] const auto n =
        ::send(browser.get(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    while (gateway.turn()) drain(browser.get());
  });
  browser.reset();
  // At once, or, when it was about to close by itself, within the time that it has for that.
  const auto end = Clock::now() + std::chrono::seconds(8);
  while (gateway.closed == closed && Clock::now() < end)
    if (!gateway.turn()) gateway.loop.events().run_once(std::chrono::milliseconds(1));
  fuzz::require(gateway.closed == closed + 1);
  std::weak_ptr<TerminalSocket> left = socket;
  socket.reset();
  for (int i = 0; i < 10; ++i) gateway.turn();
  fuzz::require(left.expired());
  return 0;
}
