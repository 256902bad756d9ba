// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "common/event_loop.hpp"

namespace ptyd::web {

// One thread that runs two loops as one: Asio's, for what Boost.Beast does with browsers, and the
// project's own, for all that speaks to the daemon and to session hosts. It sleeps in Asio's, which
// watches the other one's epoll descriptor.
class Loop {
 public:
  Loop();  // throws boost::system::system_error, std::system_error

  // Dispatches until quit().
  void run();
  void quit() { quit_ = true; }
  [[nodiscard]] boost::asio::io_context& io() { return io_; }
  [[nodiscard]] EventLoop& events() { return events_; }

 private:
  void watch();

  EventLoop events_;
  boost::asio::io_context io_;
  // It would stop for good in a moment when it waits for nothing.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> never_done_;
  boost::asio::posix::stream_descriptor wake_;
  bool woken_ = false;
  bool quit_ = false;
};

}  // namespace ptyd::web
