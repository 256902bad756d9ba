// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
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

// Runs the loop for so long.
void pause(EventLoop& loop, Clock::duration time);

// A client's side of one connection to the daemon, after the handshake.
class Connection {
 public:
  using OnItem = std::function<void(const Json& item, std::span<const std::uint8_t> body)>;
  using OnReply = std::function<void(const Reply&)>;
  using OnEvent = std::function<void(const Json& event)>;

  struct Request {
    std::string method;
    Json params = Json::object();
    std::span<const std::uint8_t> body{};
    OnItem on_item{};
    // How long the daemon may be silent before the answer; 0: as long as it takes.
    Clock::duration patience = std::chrono::seconds(30);
  };

  // Connects and shakes hands, running the loop meanwhile. Nothing, with `problem` set, on failure.
  // Tries for some seconds when the daemon ends before it greets, as one that is being restarted.
  static std::unique_ptr<Connection> open(EventLoop& loop, const std::string& path,
                                          std::string& problem);

  // Runs the loop until the reply is there.
  Reply call(const Request& request);
  // Calls back from the loop, at the latest when the connection is lost. `patience` is not used.
  void begin_call(const Request& request, OnReply on_reply);
  // Runs the loop until done() or the connection is lost; false for the latter.
  bool run_until(const std::function<bool()>& done);
  void set_on_event(OnEvent on_event) { on_event_ = std::move(on_event); }
  [[nodiscard]] bool lost() const { return lost_; }
  // What the daemon said when it ended the connection; empty when it just went.
  [[nodiscard]] const std::string& why_lost() const { return why_lost_; }
  [[nodiscard]] EventLoop& loop() { return loop_; }
  // The daemon is root's or one's own, by what the kernel knows: what it says of sessions is true.
  [[nodiscard]] bool trusted() const;

  // From here on the frames are the caller's: the connection knows no requests any more.
  FrameChannel& take_over(FrameChannel::Callbacks callbacks);

 private:
  struct Pending {
    OnItem on_item;
    OnReply on_reply;
  };

  Connection(EventLoop& loop, UniqueFd socket);
  // `turned_away` is set when the daemon closed the connection before it had begun anything.
  static std::unique_ptr<Connection> try_open(EventLoop& loop, const std::string& path,
                                              std::string& problem, bool& turned_away);
  bool shake_hands(const std::string& path, std::string& problem);
  void on_frame(const Frame& frame);
  void on_answer(const Frame& frame);
  void on_hello(const Frame& frame);
  void on_closed(const std::string& reason);
  [[nodiscard]] Failure lost_failure() const;

  EventLoop& loop_;
  OnEvent on_event_;
  std::map<std::int64_t, Pending> pending_;
  std::int64_t next_id_ = 1;
  bool greeted_ = false;
  bool lost_ = false;
  std::string why_lost_;
  std::uint64_t frames_seen_ = 0;
  FrameChannel channel_;
};

}  // namespace ptyd
