// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/bus_connection.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <utility>

#include "common/service/log.hpp"

namespace ptyd {

using sdbus_compat::poll_state;

BusConnection::BusConnection(EventLoop& loop, std::unique_ptr<sdbus::IConnection> connection,
                             std::function<void(const std::string&)> on_lost)
    : loop_(loop),
      connection_(std::move(connection)),
      on_lost_(std::move(on_lost)),
      alive_(std::make_shared<bool>(true)),
      timer_(loop, [this] { process(); }) {}

BusConnection::~BusConnection() {
  *alive_ = false;
  waiting_.clear();
  watch_.reset();
  wakeup_watch_.reset();
  try {
    // Closing waits until all output is written, however long; a bus that does not read now is not
    // waited for.
    if (const auto state = poll_state(*connection_); (state.events & POLLOUT) != 0)
      ::shutdown(state.fd, SHUT_RDWR);
  } catch (const sdbus::Error&) {
    // closed already
  }
}

void BusConnection::start() {
  const auto state = poll_state(*connection_);
  watch_ =
      std::make_unique<IoWatch>(loop_, state.fd, EPOLLIN, [this](std::uint32_t) { process(); });
  if (state.wakeup_fd >= 0)
    wakeup_watch_ = std::make_unique<IoWatch>(loop_, state.wakeup_fd, EPOLLIN,
                                              [this](std::uint32_t) { process(); });
  refresh_later();
}

void BusConnection::send(std::function<void()> task) {
  if (lost_) return;
  if (waiting_.empty() && takes_output()) {
    run(task);
  } else if (waiting_.size() < kMaxWaiting) {
    waiting_.push_back(std::move(task));
  } else {
    return lose("it does not read what it is sent");
  }
  refresh_later();
}

void BusConnection::run(const std::function<void()>& task) {
  try {
    task();
  } catch (const sdbus::Error& e) {
    // Of a connection that has just closed: process() finds out and says so.
    log::debug("D-Bus: " + e.getMessage());
  }
}

bool BusConnection::takes_output() const {
  try {
    const auto state = poll_state(*connection_);
    if ((state.events & POLLOUT) != 0) return false;  // sd-bus has output of its own waiting
    // A Unix socket is ready for output while its buffer is at most a quarter full.
    pollfd socket{state.fd, POLLOUT, 0};
    return ::poll(&socket, 1, 0) == 1;
  } catch (const sdbus::Error&) {
    return false;
  }
}

void BusConnection::process() {
  if (lost_) return;
  try {
    // While the bus does not read, its calls, which want answers, wait as well.
    int budget = waiting_.empty() ? kMessagesPerTurn : 1;
    // The descriptor, or a timeout of 0, brings the rest of a flood.
    while (budget > 0 && !lost_ && sdbus_compat::process_one(*connection_)) --budget;
  } catch (const sdbus::Error& e) {
    return lose(e.getMessage());
  }
  send_waiting();
  refresh();
}

void BusConnection::send_waiting() {
  while (!lost_ && !waiting_.empty() && takes_output()) {
    const auto task = std::move(waiting_.front());
    waiting_.pop_front();
    run(task);
  }
}

// sd-bus knows only after a message was sent or received what it waits for next.
void BusConnection::refresh_later() {
  if (std::exchange(refreshing_, true)) return;
  loop_.post([this, alive = alive_] {
    if (*alive) refresh();
  });
}

void BusConnection::refresh() {
  refreshing_ = false;
  if (lost_ || !watch_) return;
  try {
    const auto state = poll_state(*connection_);
    watch_->set_events(waiting_.empty() ? static_cast<std::uint32_t>(state.events)
                                        : static_cast<std::uint32_t>(EPOLLOUT));
    // A timeout of 0 says that messages are there, which wait while the bus does not read.
    if (state.delay && waiting_.empty())
      timer_.start(*state.delay);
    else
      timer_.stop();
  } catch (const sdbus::Error& e) {
    lose(e.getMessage());
  }
}

void BusConnection::lose(const std::string& reason) {
  if (std::exchange(lost_, true)) return;
  watch_.reset();
  wakeup_watch_.reset();
  timer_.stop();
  // From the loop: whoever sends, or a callback of sd-bus, may be in the middle of something.
  loop_.post([this, alive = alive_, reason] {
    if (!*alive) return;
    const auto on_lost = on_lost_;
    on_lost(reason);
  });
}

}  // namespace ptyd
