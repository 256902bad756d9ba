// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "common/frame_channel.hpp"
#include "common/message.hpp"
#include "daemon/access.hpp"
#include "daemon/core.hpp"
#include "daemon/session_fields.hpp"

namespace ptyd {

class Params;

// One client of the socket that has shaken hands: decodes its requests, asks the core, replies. See
// docs/protocol.md.
class Client : public std::enable_shared_from_this<Client> {
 public:
  // Requests that one connection may have unanswered.
  static constexpr std::size_t kMaxUnanswered = 64;

  // `on_passed_on`: the connection belongs to a session host now. It may destroy the client.
  Client(Core& core, FrameChannel& channel, Caller caller, std::uint64_t number,
         std::function<void()> on_passed_on);

  void on_frame(const Frame& frame);
  [[nodiscard]] bool monitors() const { return monitors_; }
  [[nodiscard]] const Caller& caller() const { return caller_; }

 private:
  // A request that is owed an answer. Sends it at most once, and only while the client lives.
  struct Pending {
    std::weak_ptr<Client> client;
    std::int64_t id = 0;
    std::shared_ptr<Request> request;

    void reply(const Json& result) const;
    void reply_session(const Result<SessionPtr>& session, const SessionFields& fields) const;
    void fail(const Error& error) const;
    void item(const Json& item, std::span<const std::uint8_t> body = {}) const;
    // As items, then how many they were.
    void reply_bytes(std::span<const std::uint8_t> bytes) const;
  };

  using Handler = void (Client::*)(Params& params, const Message& message, const Pending& pending);
  struct Method {
    const char* name;
    Handler handler;
    Request::Kind kind = Request::Kind::kBrief;
  };
  static const Method kMethods[];

  void dispatch(const Message& message);
  void refuse(std::int64_t id, const Error& error);
  void violation(const char* what);

  void create(Params& params, const Message& message, const Pending& pending);
  void list(Params& params, const Message& message, const Pending& pending);
  void status(Params& params, const Message& message, const Pending& pending);
  void attach(Params& params, const Message& message, const Pending& pending);
  void detach(Params& params, const Message& message, const Pending& pending);
  void send(Params& params, const Message& message, const Pending& pending);
  void capture(Params& params, const Message& message, const Pending& pending);
  void wait(Params& params, const Message& message, const Pending& pending);
  void terminate(Params& params, const Message& message, const Pending& pending);
  void kill(Params& params, const Message& message, const Pending& pending);
  void restart(Params& params, const Message& message, const Pending& pending);
  void resize(Params& params, const Message& message, const Pending& pending);
  void drain(Params& params, const Message& message, const Pending& pending);
  void cancel_drain(Params& params, const Message& message, const Pending& pending);
  void queue(Params& params, const Message& message, const Pending& pending);
  void remove_queued(Params& params, const Message& message, const Pending& pending);
  void health(Params& params, const Message& message, const Pending& pending);
  void metrics(Params& params, const Message& message, const Pending& pending);
  void monitor(Params& params, const Message& message, const Pending& pending);
  void pass_on(const std::string& session, const AttachOptions& options, const Pending& pending);

  Core& core_;
  FrameChannel& channel_;
  Caller caller_;
  const std::uint64_t number_;
  std::function<void()> on_passed_on_;
  std::size_t unanswered_ = 0;
  bool monitors_ = false;
  bool attaching_ = false;
};

}  // namespace ptyd
