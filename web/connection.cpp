// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/connection.hpp"

#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <utility>

#include "common/session_name.hpp"

namespace ptyd::web {
namespace {

// For a whole request to come, and for how long a connection may be idle.
constexpr std::chrono::seconds kReadTime{15};
// For a browser to take the answer: some megabytes of output, by a slow line.
constexpr std::chrono::minutes kWriteTime{2};
// For the daemon to answer: to end a session takes up to a minute and a half.
constexpr std::chrono::seconds kAnswerTime{125};
constexpr std::size_t kMaxRequestId = 64;

// Nothing inline, nothing from elsewhere, and nobody may frame it.
constexpr char kContentPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

bool is_request_id(std::string_view text) {
  constexpr char kCharacters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  return !text.empty() && text.size() <= kMaxRequestId &&
         text.find_first_not_of(kCharacters) == std::string_view::npos;
}

}  // namespace

Connection::Connection(Owner& owner, Stream stream)
    : owner_(owner), stream_(std::move(stream)), patience_(owner.loop, [this] {
        answer(number_,
               make_error(http::status::gateway_timeout, "timeout", "the daemon does not answer"));
      }) {}

void Connection::read() {
  if (ended_) return;
  parser_.emplace();
  parser_->header_limit(kMaxHeader);
  parser_->body_limit(kMaxBody);
  stream_.expires_after(kReadTime);
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                     if (self->ended_) return;
                     if (error) return self->on_bad_request(error);
                     self->request_ = self->parser_->release();
                     self->on_request();
                   });
}

void Connection::on_request() {
  busy_ = true;
  ++number_;
  const auto given = to_view(request_["X-Request-Id"]);
  request_id_ = is_request_id(given) ? std::string(given) : new_session_id();
  if (websocket::is_upgrade(request_)) {
    auto refusal =
        owner_.on_websocket(request_, stream_, [this](Response& response) { decorate(response); });
    if (refusal) return answer(number_, std::move(*refusal));
    ended_ = true;
    return owner_.on_closed(*this);
  }
  patience_.start(kAnswerTime);
  owner_.on_request(request_, [weak = weak_from_this(), number = number_](Response response) {
    if (const auto self = weak.lock()) self->answer(number, std::move(response));
  });
}

void Connection::on_bad_request(boost::system::error_code error) {
  // Of those that have sent nothing, or have gone, there is nobody to be answered.
  if (!parser_->got_some() || error == boost::beast::error::timeout) return end();
  auto status = http::status::bad_request;
  if (error == http::error::header_limit) status = http::status::request_header_fields_too_large;
  if (error == http::error::body_limit) status = http::status::payload_too_large;
  busy_ = finishing_ = true;
  ++number_;
  request_ = Request();
  request_id_ = new_session_id();
  answer(number_, make_error(status, "bad-request", error.message()));
}

void Connection::decorate(Response& response) const {
  response.set("X-Request-Id", request_id_);
  response.set("Content-Security-Policy", kContentPolicy);
  response.set("X-Content-Type-Options", "nosniff");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Cross-Origin-Opener-Policy", "same-origin");
  response.set("Cross-Origin-Resource-Policy", "same-origin");
  if (response.count(http::field::cache_control) == 0)
    response.set(http::field::cache_control, "no-store");
}

void Connection::answer(std::uint64_t request, Response response) {
  if (ended_ || !busy_ || request != number_) return;
  busy_ = false;
  patience_.stop();
  response_ = std::move(response);
  response_.version(11);
  response_.keep_alive(request_.keep_alive() && !finishing_);
  decorate(response_);
  response_.prepare_payload();
  if (request_.method() == http::verb::head) response_.body().clear();  // its length stays
  owner_.on_response(response_);
  writing_ = true;
  stream_.expires_after(kWriteTime);
  http::async_write(stream_, response_,
                    [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                      self->on_written(error, !self->response_.keep_alive());
                    });
}

void Connection::on_written(boost::system::error_code error, bool close) {
  writing_ = false;
  response_ = Response();
  if (error || close || finishing_) return end();
  read();
}

void Connection::finish() {
  finishing_ = true;
  // One that reads is idle, or in the middle of a request that nobody has begun.
  if (!busy_ && !writing_) end();
}

void Connection::end() {
  if (std::exchange(ended_, true)) return;
  patience_.stop();
  boost::system::error_code ignored;
  stream_.socket().shutdown(boost::asio::socket_base::shutdown_send, ignored);
  stream_.socket().close(ignored);
  owner_.loop.post([self = shared_from_this()] { self->owner_.on_closed(*self); });
}

}  // namespace ptyd::web
