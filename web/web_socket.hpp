// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/event_loop.hpp"
#include "common/message.hpp"
#include "web/access.hpp"
#include "web/http.hpp"

namespace ptyd::web {

namespace websocket = boost::beast::websocket;

// TCP or Unix, as the listener is.
using Stream = boost::beast::basic_stream<boost::asio::generic::stream_protocol>;

// One WebSocket (RFC 6455): what is sent waits in a bounded queue, what comes is given out message
// by message. Lives for as long as it has work under way or somebody holds it.
class WebSocket : public std::enable_shared_from_this<WebSocket> {
 public:
  // What all of them belong to.
  struct Owner {
    EventLoop& loop;
    std::function<void(WebSocket&)> on_closed;
  };
  // Close codes of RFC 6455 and its registry.
  static constexpr std::uint16_t kNormal = 1000;
  static constexpr std::uint16_t kGoingAway = 1001;
  static constexpr std::uint16_t kPolicy = 1008;
  static constexpr std::uint16_t kTryLater = 1013;
  // One message of a browser's: a piece of a paste.
  static constexpr std::size_t kMaxMessage = 64 * 1024;
  // Messages that a browser has not taken; beyond this it is dropped. Terminals stop long before.
  static constexpr std::size_t kMaxQueued = 4 * 1024 * 1024;

  WebSocket(Owner& owner, Stream stream, Grant grant);
  virtual ~WebSocket() = default;
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  // Answers the request that asked for it. `decorate` adds what all responses have.
  void accept(const Request& request, const std::function<void(Response&)>& decorate);
  void send(const Json& message);
  // Sends what is queued, then closes; for good after some seconds, whether the browser reads or
  // not.
  void close(std::uint16_t code, std::string_view reason);
  // An event of the daemon's or the gateway's that concerns everybody.
  virtual void on_event(const Json& event) = 0;
  virtual void on_daemon_connected() {}
  virtual void on_daemon_stopped() {}
  [[nodiscard]] const Grant& grant() const { return grant_; }

 protected:
  virtual void on_open() = 0;
  virtual void on_message(std::span<const std::uint8_t> bytes, bool is_text) = 0;
  virtual void on_sent() {}    // the queue is shorter
  virtual void on_closed() {}  // nothing is sent or received any more

  void send_binary(std::uint8_t kind, std::span<const std::uint8_t> bytes);
  // No messages are taken from the browser until resume_reading().
  void pause_reading() { reading_paused_ = true; }
  void resume_reading();
  // The browser broke the rules of the messages.
  void violation(const std::string& what);
  [[nodiscard]] std::size_t queued() const { return queued_; }
  [[nodiscard]] bool open() const { return state_ == State::kOpen; }
  [[nodiscard]] EventLoop& loop() { return owner_.loop; }
  // Itself as the derived class, for what outlives a call.
  template <typename T>
  std::weak_ptr<T> weak_as() {
    return std::static_pointer_cast<T>(shared_from_this());
  }

 private:
  enum class State { kOpening, kOpen, kClosing, kClosed };
  struct Outgoing {
    bool is_text;
    std::string bytes;
  };

  void queue(Outgoing message);
  void read();
  void write();
  void begin_close();
  void end();

  Owner& owner_;
  Grant grant_;
  std::optional<websocket::stream<Stream>> stream_;  // none once it has ended
  boost::beast::flat_buffer buffer_;
  std::deque<Outgoing> out_;
  std::size_t queued_ = 0;
  State state_ = State::kOpening;
  websocket::close_reason reason_;
  bool reading_ = false;
  bool reading_paused_ = false;
  bool writing_ = false;
  bool close_sent_ = false;
  Timer close_timer_;
};

}  // namespace ptyd::web
