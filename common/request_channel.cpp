// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/request_channel.hpp"

#include <utility>

#include "common/protocol.hpp"

namespace ptyd {
namespace {

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

RequestChannel::RequestChannel(EventLoop& loop, UniqueFd socket, const std::string& software,
                               Callbacks callbacks)
    : loop_(loop),
      callbacks_(std::move(callbacks)),
      channel_(loop, std::move(socket), FrameChannel::Limits(),
               {[this](const Frame& frame) { on_frame(frame); },
                [this](const std::string& reason) { on_closed(reason); },
                {}}) {
  Hello hello;
  hello.software = software;
  channel_.send(FrameType::kHello, encode_hello(hello));
}

std::int64_t RequestChannel::begin_call(const std::string& method, const Json& params,
                                        std::span<const std::uint8_t> body, OnItem on_item,
                                        OnReply on_reply) {
  const auto id = next_request_++;
  pending_.emplace(id, Pending{std::move(on_item), std::move(on_reply)});
  if (lost_) {
    fail_later(id, lost_failure());
    return id;
  }
  const auto payload = encode_message({{"id", id}, {"method", method}, {"params", params}}, body);
  if (payload.size() <= kMaxFramePayload)
    channel_.send(FrameType::kRequest, payload);
  else
    fail_later(id, {to_string(ErrorCode::kLimit), "the request is too large"});
  return id;
}

void RequestChannel::fail_later(std::int64_t request, Failure failure) {
  loop_.post([this, alive = std::weak_ptr<bool>(alive_), request, failure = std::move(failure)] {
    if (alive.expired()) return;
    const auto pending = pending_.extract(request);
    if (!pending.empty()) pending.mapped().on_reply({{}, failure});
  });
}

FrameChannel& RequestChannel::take_over(FrameChannel::Callbacks callbacks) {
  channel_.set_callbacks(std::move(callbacks));
  return channel_;
}

void RequestChannel::on_frame(const Frame& frame) {
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

void RequestChannel::on_hello(const Frame& frame) {
  const auto hello = decode_hello(frame.payload);
  if (hello && common_version(*hello)) {
    if (!std::exchange(greeted_, true) && callbacks_.on_greeted) callbacks_.on_greeted();
    return;
  }
  why_lost_ = hello ? version_mismatch(*hello, "the daemon") : "this is not a ptyd daemon";
  channel_.close_after_flush();
}

void RequestChannel::on_answer(const Frame& frame) {
  const auto message = decode_message(frame.payload);
  if (!message) {
    why_lost_ = "the daemon sent something that is no message";
    return channel_.close_after_flush();
  }
  if (frame.type == FrameType::kEvent) {
    if (callbacks_.on_event) callbacks_.on_event(message->json);
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

void RequestChannel::on_closed(const std::string& reason) {
  lost_ = true;
  if (why_lost_.empty() && !reason.empty()) why_lost_ = "bad data from the daemon: " + reason;
  const auto abandoned = std::exchange(pending_, {});
  for (const auto& [id, pending] : abandoned) pending.on_reply({{}, lost_failure()});
  if (callbacks_.on_lost) callbacks_.on_lost();
}

Failure RequestChannel::lost_failure() const {
  const std::string why = why_lost_.empty() ? "the daemon closed the connection" : why_lost_;
  return {kConnectionLost, why};
}

}  // namespace ptyd
