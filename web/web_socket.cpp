// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/web_socket.hpp"

#include <boost/asio/buffer.hpp>
#include <utility>

#include "common/service/log.hpp"

namespace ptyd::web {
namespace {

// For a browser to answer a close.
constexpr std::chrono::seconds kCloseTime{3};
// A browser from which nothing comes for so long is asked (ping), and dropped after as long again.
constexpr std::chrono::seconds kIdleTime{30};
constexpr std::chrono::seconds kHandshakeTime{10};

}  // namespace

WebSocket::WebSocket(Owner& owner, Stream stream, Grant grant)
    : owner_(owner),
      grant_(std::move(grant)),
      stream_(std::in_place, std::move(stream)),
      close_timer_(owner.loop, [this] { end(); }) {
  stream_->next_layer().expires_never();  // its own times count from here on
  stream_->set_option(websocket::stream_base::timeout{kHandshakeTime, kIdleTime, true});
  stream_->read_message_max(kMaxMessage);
  stream_->auto_fragment(false);
}

void WebSocket::accept(const Request& request, const std::function<void(Response&)>& decorate) {
  stream_->set_option(websocket::stream_base::decorator([&](websocket::response_type& response) {
    Response common;
    decorate(common);
    for (const auto& field : common) response.set(field.name_string(), field.value());
  }));
  // The decorator is called before this returns.
  stream_->async_accept(request, [self = shared_from_this()](boost::system::error_code error) {
    if (error) return self->end();
    if (self->state_ != State::kOpening) return self->begin_close();
    self->state_ = State::kOpen;
    self->on_open();
    self->read();
    self->write();
  });
}

void WebSocket::send(const Json& message) { queue({true, to_text(message)}); }

void WebSocket::send_binary(std::uint8_t kind, std::span<const std::uint8_t> bytes) {
  std::string message;
  message.reserve(bytes.size() + 1);
  message += static_cast<char>(kind);
  message.append(as_text(bytes));
  queue({false, std::move(message)});
}

void WebSocket::queue(Outgoing message) {
  if (state_ == State::kClosing || state_ == State::kClosed) return;
  if (queued_ + message.bytes.size() > kMaxQueued) {
    log::warn("A browser is dropped: it does not take what is sent to it",
              {{"PTYD_GRANT", grant_.id}});
    return end();
  }
  queued_ += message.bytes.size();
  out_.push_back(std::move(message));
  write();
}

void WebSocket::write() {
  if (writing_ || state_ == State::kOpening || state_ == State::kClosed) return;
  if (out_.empty()) {
    if (state_ == State::kClosing) begin_close();
    return;
  }
  writing_ = true;
  stream_->text(out_.front().is_text);
  stream_->async_write(boost::asio::buffer(out_.front().bytes),
                       [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                         self->writing_ = false;
                         if (error) return self->end();
                         self->queued_ -= self->out_.front().bytes.size();
                         self->out_.pop_front();
                         if (self->open()) self->on_sent();
                         self->write();
                       });
}

void WebSocket::read() {
  if (reading_ || reading_paused_ || state_ == State::kClosed) return;
  reading_ = true;
  stream_->async_read(
      buffer_, [self = shared_from_this()](boost::system::error_code error, std::size_t) {
        self->reading_ = false;
        if (error) return self->end();
        const auto data = self->buffer_.cdata();
        const std::span bytes(static_cast<const std::uint8_t*>(data.data()), data.size());
        if (self->open()) self->on_message(bytes, self->stream_->got_text());
        self->buffer_.clear();
        self->read();
      });
}

void WebSocket::resume_reading() {
  if (!std::exchange(reading_paused_, false) || state_ == State::kOpening) return;
  // Not from within: this may be a call of on_message().
  loop().post([self = shared_from_this()] { self->read(); });
}

void WebSocket::violation(const std::string& what) {
  log::info("A browser broke the protocol: " + what, {{"PTYD_GRANT", grant_.id}});
  close(kPolicy, what);
}

void WebSocket::close(std::uint16_t code, std::string_view reason) {
  if (state_ == State::kClosing || state_ == State::kClosed) return;
  reason_.code = code;
  // A control frame holds 125 bytes, two of them the code, and whole characters (RFC 6455, 5.5).
  for (const char c : reason.substr(0, 123))
    reason_.reason.push_back(c >= ' ' && c < '\x7f' ? c : '?');
  const bool opening = state_ == State::kOpening;
  state_ = State::kClosing;
  close_timer_.start(kCloseTime);
  // The browser's answer is read, whatever was paused.
  reading_paused_ = false;
  if (opening) return;
  loop().post([self = shared_from_this()] {
    self->read();
    self->write();
  });
}

void WebSocket::begin_close() {
  if (state_ == State::kClosed || std::exchange(close_sent_, true)) return;
  // It fails when the browser has gone, and then so does the read.
  stream_->async_close(reason_,
                       [self = shared_from_this()](boost::system::error_code) { self->end(); });
}

void WebSocket::end() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  close_timer_.stop();
  boost::system::error_code ignored;
  boost::beast::get_lowest_layer(*stream_).socket().close(ignored);
  loop().post([self = shared_from_this()] {
    // A close and a read that fails can wait for each other for ever inside the stream
    // (Boost 1.74), which would keep this alive: with the stream they are gone.
    self->stream_.reset();
    self->on_closed();
    self->owner_.on_closed(*self);
  });
}

}  // namespace ptyd::web
