// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "common/event_loop.hpp"
#include "common/request_channel.hpp"

namespace ptyd::web {

// The gateway's own connection to the daemon, for requests and events. Made when somebody first
// asks; made anew, unnoticed, when the daemon was restarted or has crashed. But a daemon that has
// said that it stops is left alone until somebody asks again: with socket activation, to connect is
// to start it.
class DaemonLink {
 public:
  struct Observer {
    std::function<void(const Json& event)> on_event;
    std::function<void()> on_connected;  // events may have been missed
    std::function<void()> on_stopped;    // it said that it stops, and has gone
  };
  struct Call {
    std::string method;
    Json params = Json::object();
    RequestChannel::OnItem on_item{};
    RequestChannel::OnReply on_reply{};
    bool repeatable = false;  // may be asked again when the daemon went before it answered
  };

  DaemonLink(EventLoop& loop, std::string socket, Observer observer);

  // Calls back from the loop; at the latest, when there is no daemon, after kPatience.
  void call(Call call);
  // Connects if there is no connection, for the events.
  void want_events();
  [[nodiscard]] bool connected() const { return channel_ && channel_->greeted(); }
  // It has said that it stops, and is not gone yet.
  [[nodiscard]] bool stopping() const { return stopping_; }
  [[nodiscard]] const std::string& socket() const { return socket_; }

  // How long a request waits for a daemon to come: a restart takes less.
  static constexpr std::chrono::seconds kPatience{10};

 private:
  struct Waiting {
    Call call;
    Clock::time_point until;
  };

  void connect();
  void retry();
  void on_greeted();
  void on_event(const Json& event);
  void on_lost();
  void begin(Call call);
  void wait(Call call);
  void expire();

  EventLoop& loop_;
  std::string socket_;
  Observer observer_;
  std::unique_ptr<RequestChannel> channel_;
  std::deque<Waiting> waiting_;  // in the order of their times
  std::string problem_;          // why the last connection was not made
  Clock::duration retry_pause_;  // grows while there is no daemon
  bool stopping_ = false;
  bool events_wanted_ = false;
  Timer retry_timer_;
  Timer expiry_timer_;
};

// A new connection to the daemon, if it is root's or of one's own user: nobody else is to be told
// what people type. Nothing, with `problem` set.
UniqueFd connect_to_daemon(const std::string& socket, std::string& problem);
// What the daemon's log calls the gateway.
std::string software_name();

}  // namespace ptyd::web
