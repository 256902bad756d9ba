// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/event_socket.hpp"

#include <memory>
#include <utility>

namespace ptyd::web {
namespace {

// Events that a browser has not taken; beyond this they are left out, and all is told anew later.
constexpr std::size_t kMaxBehind = 256 * 1024;

}  // namespace

EventSocket::EventSocket(Owner& owner, Stream stream, Grant grant, DaemonLink& link)
    : WebSocket(owner, std::move(stream), std::move(grant)), link_(link) {}

void EventSocket::on_open() {
  if (link_.stopping()) return close(kGoingAway, "the daemon is shutting down");
  link_.want_events();
  begin_snapshot();
}

void EventSocket::on_message(std::span<const std::uint8_t>, bool) {
  violation("nothing is expected here");
}

void EventSocket::on_sent() {
  if (behind_ && queued() == 0) begin_snapshot();
}

void EventSocket::begin_snapshot() {
  if (!open() || std::exchange(asking_, true)) return;
  auto sessions = std::make_shared<Json>(Json::array());
  link_.call({.method = "list",
              .on_item = [sessions](const Json& item,
                                    std::span<const std::uint8_t>) { sessions->push_back(item); },
              .on_reply =
                  [weak = weak_as<EventSocket>(), sessions](const Reply& reply) {
                    const auto self = weak.lock();
                    if (!self || !self->open()) return;
                    self->asking_ = false;
                    if (reply.failure) {
                      self->send({{"type", "daemon"},
                                  {"connected", false},
                                  {"message", reply.failure->message}});
                      return;
                    }
                    self->send_sessions(*sessions);
                    self->begin_state();
                  },
              .repeatable = true});
}

void EventSocket::send_sessions(const Json& sessions) {
  behind_ = false;
  shown_.clear();
  Json visible = Json::array();
  for (const auto& session : sessions) {
    const auto id = text_of(session, "id");
    if (!grant().covers(id, text_of(session, "name"))) continue;
    shown_.insert(id);
    visible.push_back(session);
  }
  send({{"type", "sessions"}, {"sessions", std::move(visible)}});
}

void EventSocket::begin_state() {
  link_.call({.method = "health",
              .on_reply =
                  [weak = weak_as<EventSocket>()](const Reply& reply) {
                    const auto self = weak.lock();
                    if (!self || !self->open() || reply.failure) return;
                    self->send({{"type", "daemon"},
                                {"connected", true},
                                {"state", text_of(reply.result, "state")},
                                {"version", text_of(reply.result, "version")}});
                  },
              .repeatable = true});
}

void EventSocket::on_event(const Json& event) {
  const auto type = text_of(event, "type");
  if (type.starts_with("session.")) {
    const auto session = event.value("session", Json::object());
    const auto id = text_of(session, "id");
    // One that was renamed or removed is still told of.
    if (!grant().covers(id, text_of(session, "name")) && !shown_.contains(id)) return;
    if (type == "session.removed")
      shown_.erase(id);
    else
      shown_.insert(id);
  }
  if (queued() > kMaxBehind) {
    behind_ = true;
    return;
  }
  send(event);
}

void EventSocket::on_daemon_stopped() { send({{"type", "daemon"}, {"connected", false}}); }

}  // namespace ptyd::web
