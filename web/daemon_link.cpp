// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/daemon_link.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/socket_choice.hpp"
#include "common/unix_socket.hpp"
#include "common/version.hpp"

namespace ptyd::web {
namespace {

// Between attempts to find a daemon: one that is restarted is back in a moment.
constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::milliseconds kLongestPause{1000};
// Requests that wait for a daemon to come.
constexpr std::size_t kMaxWaiting = 256;

}  // namespace

UniqueFd connect_to_daemon(const std::string& socket, std::string& problem) {
  std::error_code error;
  auto fd = connect_unix(socket, error);
  if (!fd) {
    problem = connect_problem(socket, error.value());
    return {};
  }
  PeerCredentials peer;
  if (const auto failed = peer_credentials(fd.get(), peer);
      failed || (peer.uid != 0 && peer.uid != ::geteuid())) {
    problem = "the daemon on " + socket + " is another user's: not talking to it";
    return {};
  }
  return fd;
}

std::string software_name() { return std::string("ptyd-web ") + kVersion; }

DaemonLink::DaemonLink(EventLoop& loop, std::string socket, Observer observer)
    : loop_(loop),
      socket_(std::move(socket)),
      observer_(std::move(observer)),
      retry_pause_(kFirstPause),
      retry_timer_(loop, [this] { connect(); }),
      expiry_timer_(loop, [this] { expire(); }) {}

void DaemonLink::call(Call call) {
  if (stopping_) {
    loop_.post([on_reply = std::move(call.on_reply)] {
      on_reply({{}, Failure{to_string(ErrorCode::kShuttingDown), "the daemon is shutting down"}});
    });
    return;
  }
  if (connected()) return begin(std::move(call));
  wait(std::move(call));
  if (!channel_ && !retry_timer_.active()) connect();
}

void DaemonLink::want_events() {
  events_wanted_ = true;
  if (!channel_ && !retry_timer_.active()) connect();
}

void DaemonLink::connect() {
  if (channel_) return;
  auto socket = connect_to_daemon(socket_, problem_);
  if (!socket) {
    return retry();
  }
  channel_ = std::make_unique<RequestChannel>(
      loop_, std::move(socket), software_name(),
      RequestChannel::Callbacks{[this] { on_greeted(); },
                                [this](const Json& event) { on_event(event); },
                                [this] { on_lost(); }});
}

void DaemonLink::on_greeted() {
  retry_pause_ = kFirstPause;
  channel_->begin_call("monitor", Json::object(), {}, {}, [](const Reply&) {});
  for (auto& waiting : std::exchange(waiting_, {})) begin(std::move(waiting.call));
  expiry_timer_.stop();
  observer_.on_connected();
}

void DaemonLink::on_event(const Json& event) {
  if (text_of(event, "type") == "server.shutdown") stopping_ = true;
  observer_.on_event(event);
}

void DaemonLink::on_lost() {
  problem_ =
      channel_->why_lost().empty() ? "the daemon closed the connection" : channel_->why_lost();
  // Not now: this is a call of its own.
  loop_.post([this, gone = std::shared_ptr<RequestChannel>(std::move(channel_))] {
    if (std::exchange(stopping_, false)) {
      events_wanted_ = false;
      observer_.on_stopped();
    }
    retry();
  });
}

void DaemonLink::retry() {
  const bool wanted = !waiting_.empty() || events_wanted_;
  if (!wanted || channel_ || retry_timer_.active()) return;
  retry_timer_.start(retry_pause_);
  retry_pause_ = std::min<Clock::duration>(2 * retry_pause_, kLongestPause);
}

void DaemonLink::begin(Call call) {
  auto shared = std::make_shared<Call>(std::move(call));
  channel_->begin_call(
      shared->method, shared->params, {}, shared->on_item, [this, shared](const Reply& reply) {
        const auto code = reply.failure ? reply.failure->code : std::string();
        // "restarting" says that nothing of it was begun.
        const bool again = code == to_string(ErrorCode::kRestarting) ||
                           (code == kConnectionLost && shared->repeatable && !stopping_);
        if (again) return wait(std::move(*shared));
        shared->on_reply(reply);
      });
}

void DaemonLink::wait(Call call) {
  if (waiting_.size() >= kMaxWaiting) {
    loop_.post([on_reply = std::move(call.on_reply)] {
      on_reply(
          {{}, Failure{to_string(ErrorCode::kLimit), "too many requests wait for the daemon"}});
    });
    return;
  }
  waiting_.push_back({std::move(call), Clock::now() + kPatience});
  if (!expiry_timer_.active()) expiry_timer_.start(kPatience);
}

void DaemonLink::expire() {
  while (!waiting_.empty() && waiting_.front().until <= Clock::now()) {
    const auto call = std::move(waiting_.front().call);
    waiting_.pop_front();
    call.on_reply({{}, Failure{kConnectionLost, problem_}});
  }
  if (!waiting_.empty()) expiry_timer_.start(waiting_.front().until - Clock::now());
}

}  // namespace ptyd::web
