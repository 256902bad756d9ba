// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/protocol_client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "common/unix_socket.hpp"

namespace ptyd::test {
namespace {

constexpr std::size_t kMaxInput = 16 * 1024;  // of one INPUT frame

bool wait_ready(int fd, short events, const Deadline& deadline) {
  pollfd event{fd, events, 0};
  int ready = 0;
  do {
    ready = ::poll(&event, 1, deadline.poll_timeout());
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

}  // namespace

ProtocolClient::ProtocolClient(const std::string& socket_path) {
  std::error_code error;
  socket_ = connect_unix(socket_path, error);
  if (error) throw std::system_error(error, "connecting to " + socket_path);
}

std::optional<Hello> ProtocolClient::hello(Role role) {
  Hello ours;
  ours.role = role;
  ours.software = "test";
  return hello(ours);
}

std::optional<Hello> ProtocolClient::hello(const Hello& ours) {
  if (!send(FrameType::kHello, encode_hello(ours))) return std::nullopt;
  const auto frame = next_frame(FrameType::kHello);
  return frame ? decode_hello(frame->payload) : std::nullopt;
}

bool ProtocolClient::send(FrameType type, std::span<const std::uint8_t> payload) {
  return send_raw(encode_frame(type, payload));
}

bool ProtocolClient::send_raw(std::span<const std::uint8_t> bytes) {
  const Deadline deadline(kPatience);
  while (!bytes.empty()) {
    const auto sent = send_with_fd(socket_.get(), bytes, -1);
    if (sent > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN || !wait_ready(socket_.get(), POLLOUT, deadline)) {
      return false;
    }
  }
  return true;
}

bool ProtocolClient::receive_more(const Deadline& deadline) {
  if (closed_ || !wait_ready(socket_.get(), POLLIN, deadline)) return false;
  std::array<std::uint8_t, 64 * 1024> buffer;
  const auto n = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (n <= 0) {
    closed_ = true;
    return false;
  }
  decoder_.feed(std::span(buffer).first(static_cast<std::size_t>(n)));
  return true;
}

std::optional<Frame> ProtocolClient::peek_frame(std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (true) {
    if (const auto frame = decoder_.next()) return frame;
    if (decoder_.failed() || !receive_more(deadline)) return std::nullopt;
  }
}

std::optional<ReceivedFrame> ProtocolClient::next_frame(std::chrono::milliseconds timeout) {
  const auto frame = peek_frame(timeout);
  if (!frame) return std::nullopt;
  return ReceivedFrame{frame->type, Bytes(frame->payload.begin(), frame->payload.end())};
}

std::optional<ReceivedFrame> ProtocolClient::next_frame(FrameType type,
                                                        std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (auto frame = next_frame(std::chrono::milliseconds(deadline.poll_timeout()))) {
    if (frame->type == type) return frame;
    if (frame->type != FrameType::kEvent) continue;
    if (const auto message = decode_message(frame->payload)) events_.push_back(message->json);
  }
  return std::nullopt;
}

bool ProtocolClient::wait_closed(std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (receive_more(deadline)) {
  }
  return closed_;
}

std::int64_t ProtocolClient::begin_request(const std::string& method, const Json& params,
                                           std::string_view body) {
  const Json request{{"id", ++last_id_}, {"method", method}, {"params", params}};
  send(FrameType::kRequest, encode_message(request, as_bytes(body)));
  return last_id_;
}

Answer ProtocolClient::request(const std::string& method, const Json& params,
                               std::string_view body) {
  return wait_answer(begin_request(method, params, body));
}

void ProtocolClient::take_answer_frame(const ReceivedFrame& frame) {
  auto message = decode_message(frame.payload);
  if (!message) return;
  if (frame.type == FrameType::kEvent) events_.push_back(message->json);
  if (frame.type != FrameType::kItem && frame.type != FrameType::kReply) return;
  auto& answer = answers_[message->json.value("id", std::int64_t{-1})];
  if (frame.type == FrameType::kItem) {
    answer.items.push_back(std::move(*message));
    return;
  }
  answer.answered = true;
  answer.result = message->json.value("result", Json());
  answer.error = message->json.value("error", Json());
}

Answer ProtocolClient::wait_answer(std::int64_t id, std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (!answers_[id].answered) {
    const auto frame = next_frame(std::chrono::milliseconds(deadline.poll_timeout()));
    if (!frame) break;
    take_answer_frame(*frame);
  }
  auto answer = std::move(answers_[id]);
  answers_.erase(id);
  return answer;
}

std::optional<Json> ProtocolClient::next_event(const std::string& type,
                                               std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (true) {
    while (!events_.empty()) {
      Json event = std::move(events_.front());
      events_.pop_front();
      if (type.empty() || event.value("type", "") == type) return event;
    }
    const auto frame = next_frame(std::chrono::milliseconds(deadline.poll_timeout()));
    if (!frame) return std::nullopt;
    take_answer_frame(*frame);
    take_session_frame(*frame);
  }
}

std::optional<Attached> ProtocolClient::attach(const std::string& session, Json params,
                                               Answer* refusal) {
  params["session"] = session;
  const auto id = begin_request("attach", params);
  const Deadline deadline(kPatience);
  while (!answers_[id].answered) {
    const auto frame = next_frame(std::chrono::milliseconds(deadline.poll_timeout()));
    if (!frame) break;
    if (frame->type == FrameType::kAttached) {
      auto attached = decode<Attached>(frame->payload);
      if (attached) position_ = attached->position;
      return attached;
    }
    take_answer_frame(*frame);
  }
  if (refusal != nullptr) *refusal = std::move(answers_[id]);
  answers_.erase(id);
  return std::nullopt;
}

void ProtocolClient::take_session_frame(const ReceivedFrame& frame) {
  switch (frame.type) {
    case FrameType::kOutput:
      output_ += as_text(frame.payload);
      position_ += frame.payload.size();
      break;
    case FrameType::kGap:
      if (const auto gap = decode<Gap>(frame.payload)) {
        position_ += gap->missed;
        missed_ += gap->missed;
      }
      break;
    case FrameType::kNotice:
      if (const auto message = decode_message(frame.payload)) events_.push_back(message->json);
      break;
    case FrameType::kEnded: ended_ = decode<Ended>(frame.payload); break;
    case FrameType::kDetached: detached_ = decode<Detached>(frame.payload); break;
    default: break;
  }
}

bool ProtocolClient::read_output(const std::function<bool(const std::string&)>& until,
                                 std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (!until(output_)) {
    const auto frame = next_frame(std::chrono::milliseconds(deadline.poll_timeout()));
    if (!frame) return false;
    take_session_frame(*frame);
  }
  return true;
}

bool ProtocolClient::read_output_until(const std::string& part, std::chrono::milliseconds timeout) {
  std::size_t from = 0;  // what was searched already is not searched again
  return read_output(
      [&](const std::string& output) {
        if (output.find(part, from) != std::string::npos) return true;
        from = output.size() > part.size() ? output.size() - part.size() : 0;
        return false;
      },
      timeout);
}

bool ProtocolClient::wait_ended(std::chrono::milliseconds timeout) {
  return read_output([&](const std::string&) { return ended_ || detached_; }, timeout);
}

bool ProtocolClient::input(std::string_view keys) {
  while (!keys.empty()) {
    if (!send(FrameType::kInput, as_bytes(keys.substr(0, kMaxInput)))) return false;
    keys.remove_prefix(std::min(keys.size(), kMaxInput));
  }
  return true;
}

}  // namespace ptyd::test
