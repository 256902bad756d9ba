// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "common/event_loop.hpp"
#include "common/request_channel.hpp"

namespace ptyd {

// Runs the loop for so long.
void pause(EventLoop& loop, Clock::duration time);

// A client's side of one connection to the daemon, after the handshake.
class Connection {
 public:
  using OnItem = RequestChannel::OnItem;
  using OnReply = RequestChannel::OnReply;
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
  [[nodiscard]] bool lost() const { return channel_.lost(); }
  // What the daemon said when it ended the connection; empty when it just went.
  [[nodiscard]] const std::string& why_lost() const { return channel_.why_lost(); }
  [[nodiscard]] EventLoop& loop() { return loop_; }
  // The daemon is root's or one's own, by what the kernel knows: what it says of sessions is true.
  [[nodiscard]] bool trusted() const;

  // From here on the frames are the caller's: the connection knows no requests any more.
  FrameChannel& take_over(FrameChannel::Callbacks callbacks) {
    return channel_.take_over(std::move(callbacks));
  }

 private:
  Connection(EventLoop& loop, UniqueFd socket);
  // `turned_away` is set when the daemon closed the connection before it had begun anything.
  static std::unique_ptr<Connection> try_open(EventLoop& loop, const std::string& path,
                                              std::string& problem, bool& turned_away);
  bool shake_hands(const std::string& path, std::string& problem);

  EventLoop& loop_;
  OnEvent on_event_;
  RequestChannel channel_;
};

}  // namespace ptyd
