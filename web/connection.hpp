// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/event_loop.hpp"
#include "web/web_socket.hpp"

namespace ptyd::web {

// One HTTP/1.1 connection: its requests one after the other, until one makes it a WebSocket.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  struct Owner {
    EventLoop& loop;
    std::function<void(const Request&, const std::function<void(Response)>&)> on_request;
    // Takes the stream if it agrees, else refuses. The function adds what all responses have.
    std::function<std::optional<Response>(const Request&, Stream&,
                                          const std::function<void(Response&)>&)>
        on_websocket;
    std::function<void(const Response&)> on_response;
    std::function<void(Connection&)> on_closed;
  };
  // Of the request line and all headers.
  static constexpr std::size_t kMaxHeader = 8 * 1024;
  static constexpr std::size_t kMaxBody = 64 * 1024;

  Connection(Owner& owner, Stream stream);

  void start() { read(); }
  // Closes it, after the answer to a request that is under way.
  void finish();

 private:
  void read();
  void on_request();
  void on_bad_request(boost::system::error_code error);
  void answer(std::uint64_t request, Response response);
  void on_written(boost::system::error_code error, bool close);
  void decorate(Response& response) const;
  void end();

  Owner& owner_;
  Stream stream_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  Request request_;
  Response response_;
  std::string request_id_;
  std::uint64_t number_ = 0;  // of the request that is under way
  bool busy_ = false;         // with it
  bool writing_ = false;      // the answer to it
  bool finishing_ = false;
  bool ended_ = false;
  Timer patience_;
};

}  // namespace ptyd::web
