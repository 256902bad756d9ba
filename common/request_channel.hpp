// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "common/event_loop.hpp"
#include "common/frame_channel.hpp"
#include "common/message.hpp"

namespace ptyd {

// Why a request was not done. `code` is one of the protocol's, or kConnectionLost.
struct Failure {
  std::string code;
  std::string message;
};
inline constexpr char kConnectionLost[] = "connection-lost";

struct Reply {
  Json result = Json::object();
  std::optional<Failure> failure;
};

// A client's side of one connection to the daemon: greets, asks, and tells the answers apart. Runs
// no loop itself, and gives nothing up by itself: how long to wait is its user's choice. Its
// callbacks may not destroy it.
class RequestChannel {
 public:
  using OnItem = std::function<void(const Json& item, std::span<const std::uint8_t> body)>;
  using OnReply = std::function<void(const Reply&)>;
  struct Callbacks {
    std::function<void()> on_greeted{};  // the daemon is one that can be spoken to
    std::function<void(const Json& event)> on_event{};
    std::function<void()> on_lost{};  // after all requests have failed
  };

  // `software` is what the daemon's log may call this client: "ptyctl 0.1.0".
  RequestChannel(EventLoop& loop, UniqueFd socket, const std::string& software,
                 Callbacks callbacks);

  // Calls back from the loop, at the latest when the connection is lost. Returns the request's
  // number, for give_up().
  std::int64_t begin_call(const std::string& method, const Json& params,
                          std::span<const std::uint8_t> body, OnItem on_item, OnReply on_reply);
  // Its answer is no longer wanted.
  void give_up(std::int64_t request) { pending_.erase(request); }

  [[nodiscard]] bool greeted() const { return greeted_; }
  [[nodiscard]] bool lost() const { return lost_; }
  // What the daemon said when it ended the connection; empty when it just went.
  [[nodiscard]] const std::string& why_lost() const { return why_lost_; }
  // Grows with everything that the daemon says.
  [[nodiscard]] std::uint64_t frames_seen() const { return frames_seen_; }
  [[nodiscard]] int fd() const { return channel_.fd(); }

  // From here on the frames are the caller's: no requests are known any more.
  FrameChannel& take_over(FrameChannel::Callbacks callbacks);

 private:
  struct Pending {
    OnItem on_item;
    OnReply on_reply;
  };

  void on_frame(const Frame& frame);
  void on_answer(const Frame& frame);
  void on_hello(const Frame& frame);
  void on_closed(const std::string& reason);
  void fail_later(std::int64_t request, Failure failure);
  [[nodiscard]] Failure lost_failure() const;

  EventLoop& loop_;
  Callbacks callbacks_;
  std::map<std::int64_t, Pending> pending_;
  std::int64_t next_request_ = 1;
  bool greeted_ = false;
  bool lost_ = false;
  std::string why_lost_;
  std::uint64_t frames_seen_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what was posted
  FrameChannel channel_;
};

}  // namespace ptyd
