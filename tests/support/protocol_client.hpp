// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/frame.hpp"
#include "common/message.hpp"
#include "common/protocol.hpp"
#include "common/unique_fd.hpp"
#include "tests/support/deadline.hpp"

namespace ptyd::test {

struct ReceivedFrame {
  FrameType type{};
  Bytes payload;
};

struct Answer {
  bool answered = false;       // else the connection ended or nothing came within kPatience
  Json result;                 // null when there is an error
  Json error;                  // null when there is a result
  std::vector<Message> items;  // the whole "item" messages, bodies too
  [[nodiscard]] std::string code() const {
    return error.is_object() ? error.value("code", "") : "";
  }
};

// Speaks docs/protocol.md to a daemon, one step at a time, waiting at each. It can also misbehave.
class ProtocolClient {
 public:
  // Connects; throws std::system_error when it cannot. Nothing is sent yet.
  explicit ProtocolClient(const std::string& socket_path);
  // On a connection that is there already.
  explicit ProtocolClient(UniqueFd socket) : socket_(std::move(socket)) {}

  // Exchanges HELLOs.
  std::optional<Hello> hello(Role role = Role::kClient);
  std::optional<Hello> hello(const Hello& ours);

  bool send(FrameType type, std::span<const std::uint8_t> payload = {});
  template <typename Message>
  bool send(const Message& message) {
    return send(Message::kType, encode(message));
  }
  // Anything, frame or not. False when the peer has gone or takes nothing for kPatience.
  bool send_raw(std::span<const std::uint8_t> bytes);

  // The next frame; nothing when the connection ends or time is up.
  std::optional<ReceivedFrame> next_frame(std::chrono::milliseconds timeout = kPatience);
  // The same without a copy: valid until the next call of any of these.
  std::optional<Frame> peek_frame(std::chrono::milliseconds timeout = kPatience);
  // The next frame of this type; EVENTs on the way are kept for next_event(), others dropped.
  std::optional<ReceivedFrame> next_frame(FrameType type,
                                          std::chrono::milliseconds timeout = kPatience);
  // True once the peer has closed the connection; what it sent before is dropped.
  bool wait_closed(std::chrono::milliseconds timeout = kPatience);

  // A request and its answer.
  Answer request(const std::string& method, const Json& params = Json::object(),
                 std::string_view body = {});
  // A request alone; returns its id.
  std::int64_t begin_request(const std::string& method, const Json& params = Json::object(),
                             std::string_view body = {});
  Answer wait_answer(std::int64_t id, std::chrono::milliseconds timeout = kPatience);
  // The next EVENT, or NOTICE of a session, of this type unless it is empty.
  std::optional<Json> next_event(const std::string& type = {},
                                 std::chrono::milliseconds timeout = kPatience);

  // Joins a session; on success the connection is with the session's host.
  std::optional<Attached> attach(const std::string& session, Json params = Json::object(),
                                 Answer* refusal = nullptr);
  // Reads OUTPUT until all of it, from the attaching on, satisfies the condition.
  bool read_output(const std::function<bool(const std::string&)>& until,
                   std::chrono::milliseconds timeout = kPatience);
  bool read_output_until(const std::string& part, std::chrono::milliseconds timeout = kPatience);
  // All OUTPUT since attach(), and the position behind it (GAPs counted).
  [[nodiscard]] const std::string& output() const { return output_; }
  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] std::uint64_t missed() const { return missed_; }
  // Set once ENDED or DETACHED has come.
  [[nodiscard]] const std::optional<Ended>& ended() const { return ended_; }
  [[nodiscard]] const std::optional<Detached>& detached() const { return detached_; }
  bool wait_ended(std::chrono::milliseconds timeout = kPatience);
  bool input(std::string_view keys);

  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  bool receive_more(const Deadline& deadline);
  void take_answer_frame(const ReceivedFrame& frame);
  void take_session_frame(const ReceivedFrame& frame);

  UniqueFd socket_;
  FrameDecoder decoder_;
  bool closed_ = false;
  std::int64_t last_id_ = 0;
  std::map<std::int64_t, Answer> answers_;  // by request, also such as nobody waits for yet
  std::deque<Json> events_;
  std::string output_;
  std::uint64_t position_ = 0, missed_ = 0;
  std::optional<Ended> ended_;
  std::optional<Detached> detached_;
};

}  // namespace ptyd::test
