// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/unit_notifier.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace ptyd {
namespace {

constexpr std::chrono::microseconds kShortestWatchdog{1000};
constexpr std::chrono::microseconds kLongestWatchdog = std::chrono::hours(24);
constexpr std::chrono::milliseconds kReadyPause{100};

std::string variable(const char* name) {
  // One thread, and nobody changes the environment.
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::string() : value;
}

// Half of what the service manager waits for a sign of life; 0 if it does not.
std::chrono::microseconds watchdog_interval(const UnitNotifier::Address& address) {
  if (!address.watchdog_pid.empty() && address.watchdog_pid != std::to_string(::getpid()))
    return {};
  const auto& text = address.watchdog_usec;
  std::int64_t us = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), us);
  if (error != std::errc{} || end != text.data() + text.size() || us <= 0) return {};
  return std::clamp(std::chrono::microseconds(us) / 2, kShortestWatchdog, kLongestWatchdog);
}

}  // namespace

UnitNotifier::Address UnitNotifier::from_environment() {
  return {variable("NOTIFY_SOCKET"), variable("WATCHDOG_USEC"), variable("WATCHDOG_PID")};
}

UnitNotifier::UnitNotifier(EventLoop& loop, Address address)
    : address_(std::move(address)),
      watchdog_(loop, [this] { on_watchdog(); }),
      ready_again_(loop, [this] { ready(); }) {
  // A path or, with '@', an abstract name; of the others nothing is known here.
  const auto& path = address_.notify_socket;
  if (path.size() < 2 || (path.front() != '/' && path.front() != '@')) return;
  socket_ = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  watchdog_interval_ = watchdog_interval(address_);
  if (watchdog_interval_.count() > 0) on_watchdog();
}

void UnitNotifier::ready() {
  if (!send("READY=1")) ready_again_.start(kReadyPause);
}

void UnitNotifier::stopping() {
  if (!std::exchange(stopping_, true)) send("STOPPING=1");
}

void UnitNotifier::status(const std::string& text) {
  if (text == status_) return;
  status_ = text;
  send("STATUS=" + text);
}

// False when there is no room for it now.
bool UnitNotifier::send(const std::string& message) {
  const auto& path = address_.notify_socket;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (!socket_ || path.size() > sizeof to.sun_path) return true;
  path.copy(to.sun_path, sizeof to.sun_path);
  // An abstract name begins with a NUL and has no other end than its length.
  if (path.front() == '@') to.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const auto sent =
      ::sendto(socket_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&to), size);
  return sent >= 0 || (errno != EAGAIN && errno != ENOBUFS);
}

// From the loop, so that a loop that hangs gives no sign of life.
void UnitNotifier::on_watchdog() {
  send("WATCHDOG=1");
  watchdog_.start(watchdog_interval_);
}

}  // namespace ptyd
