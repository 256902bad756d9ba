// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "common/event_loop.hpp"
#include "dbus/sdbus_compat.hpp"

namespace ptyd {

// An sdbus-c++ connection to a message bus, driven from the event loop, that never makes the loop
// wait. What is sent goes through send(): sdbus-c++ 2 waits until the bus has taken all of it, and
// 1.2 keeps it without bound, so neither is given anything while the bus does not read.
class BusConnection {
 public:
  // Messages handled in one turn of the loop, so that a flood does not keep it from its sessions.
  static constexpr int kMessagesPerTurn = 32;
  // What may wait for a bus that does not read: about 2 MB. A bus that is that far behind hangs.
  static constexpr std::size_t kMaxWaiting = 16 * 1024;
  // The largest value to put into one message, so that an almost empty socket buffer of the default
  // size takes the message as a whole.
  static constexpr std::size_t kMaxValue = 256 * 1024;

  // `on_lost` is called once, from the loop, when the bus has gone; nothing is sent or received any
  // more, and the connection may be destroyed in it.
  BusConnection(EventLoop& loop, std::unique_ptr<sdbus::IConnection> connection,
                std::function<void(const std::string& reason)> on_lost);
  // All that refers to the connection (objects, proxies, results) must be gone.
  ~BusConnection();
  BusConnection(const BusConnection&) = delete;
  BusConnection& operator=(const BusConnection&) = delete;

  // Begins to receive. Throws sdbus::Error.
  void start();
  // Runs `task`, which sends one message, now, or in order as soon as the bus takes it; never if it
  // is lost.
  void send(std::function<void()> task);
  [[nodiscard]] sdbus::IConnection& get() { return *connection_; }

 private:
  void process();
  void send_waiting();
  [[nodiscard]] bool takes_output() const;
  void refresh_later();
  void refresh();
  void lose(const std::string& reason);
  static void run(const std::function<void()>& task);

  EventLoop& loop_;
  std::unique_ptr<sdbus::IConnection> connection_;
  std::function<void(const std::string&)> on_lost_;
  std::deque<std::function<void()>> waiting_;
  bool lost_ = false;
  bool refreshing_ = false;
  std::shared_ptr<bool> alive_;  // false once destroyed, for posted tasks
  Timer timer_;
  std::unique_ptr<IoWatch> watch_;
  std::unique_ptr<IoWatch> wakeup_watch_;
};

}  // namespace ptyd
