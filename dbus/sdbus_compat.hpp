// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// All that differs between sdbus-c++ 1.2 (Debian 12) and 2.x (Debian 13); the rest of dbus/ is the
// same source for both. PTYD_SDBUS_MAJOR comes from the build.
namespace ptyd::sdbus_compat {

// What an event loop has to watch for a connection.
struct PollState {
  int fd = -1;
  int wakeup_fd = -1;                              // readable when it is to be processed; -1: none
  short events = 0;                                // as in poll(2)
  std::optional<std::chrono::microseconds> delay;  // from now, until it is to be processed anyway
};

#if PTYD_SDBUS_MAJOR >= 2

// First argument of the callback for an asynchronous reply: set when the call has failed.
using ReplyError = std::optional<sdbus::Error>;

inline sdbus::Error make_error(const std::string& name, const std::string& message) {
  return sdbus::Error(sdbus::Error::Name(name), message);
}

inline void request_name(sdbus::IConnection& connection, const char* name) {
  connection.requestName(sdbus::ServiceName(name));
}

inline bool process_one(sdbus::IConnection& connection) { return connection.processPendingEvent(); }

inline PollState poll_state(const sdbus::IConnection& connection) {
  const auto data = connection.getEventLoopPollData();
  PollState state{data.fd, data.eventFd, data.events, std::nullopt};
  if (data.timeout != std::chrono::microseconds::max()) state.delay = data.getRelativeTimeout();
  return state;
}

inline std::unique_ptr<sdbus::IProxy> make_proxy(sdbus::IConnection& connection,
                                                 const char* destination, const char* path) {
  return sdbus::createProxy(connection, sdbus::ServiceName(destination), sdbus::ObjectPath(path));
}

inline void emit_changed(sdbus::IObject& object, const char* interface,
                         const std::vector<std::string>& properties) {
  const std::vector<sdbus::PropertyName> names(properties.begin(), properties.end());
  object.emitPropertiesChangedSignal(interface, names);
}

// Who has sent the call that a method of the object is handling right now: a unique bus name.
inline std::string sender(const sdbus::IObject& object) {
  const char* name = object.getCurrentlyProcessedMessage().getSender();
  return name == nullptr ? std::string() : name;
}

// The name of that method.
inline std::string member(const sdbus::IObject& object) {
  const char* name = object.getCurrentlyProcessedMessage().getMemberName();
  return name == nullptr ? std::string() : name;
}

// After the last uponSignal() of a proxy.
inline void finish_registration(sdbus::IProxy&) {}

#else

using ReplyError = const sdbus::Error*;

inline sdbus::Error make_error(const std::string& name, const std::string& message) {
  return sdbus::Error(name, message);
}

inline void request_name(sdbus::IConnection& connection, const char* name) {
  connection.requestName(name);
}

inline bool process_one(sdbus::IConnection& connection) {
  return connection.processPendingRequest();
}

inline PollState poll_state(const sdbus::IConnection& connection) {
  const auto data = connection.getEventLoopPollData();
  return {data.fd, -1, data.events, data.getRelativeTimeout()};
}

inline std::unique_ptr<sdbus::IProxy> make_proxy(sdbus::IConnection& connection,
                                                 const char* destination, const char* path) {
  return sdbus::createProxy(connection, destination, path);
}

inline void emit_changed(sdbus::IObject& object, const char* interface,
                         const std::vector<std::string>& properties) {
  object.emitPropertiesChangedSignal(interface, properties);
}

inline std::string sender(const sdbus::IObject& object) {
  const auto* message = object.getCurrentlyProcessedMessage();
  return message == nullptr ? std::string() : message->getSender();
}

inline std::string member(const sdbus::IObject& object) {
  const auto* message = object.getCurrentlyProcessedMessage();
  return message == nullptr ? std::string() : message->getMemberName();
}

inline void finish_registration(sdbus::IProxy& proxy) { proxy.finishRegistration(); }

#endif

}  // namespace ptyd::sdbus_compat
