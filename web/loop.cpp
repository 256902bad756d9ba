// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/loop.hpp"

#include <fcntl.h>

#include <cerrno>
#include <system_error>

namespace ptyd::web {
namespace {

int duplicate(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) throw std::system_error(errno, std::generic_category(), "fcntl");
  return copy;
}

}  // namespace

Loop::Loop() : io_(1), never_done_(io_.get_executor()), wake_(io_, duplicate(events_.fd())) {
  watch();
}

// Asked for anew each time: it is told of what has become ready since, and of what is still ready
// when it is asked, but not of that again.
void Loop::watch() {
  wake_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                   [this](boost::system::error_code) { woken_ = true; });
}

void Loop::run() {
  quit_ = false;
  while (!quit_) {
    if (events_.prepare_to_wait())
      io_.run_one();
    else
      io_.poll_one();
    events_.run_once(std::chrono::milliseconds(0));
    if (woken_) {
      woken_ = false;
      watch();
    }
  }
}

}  // namespace ptyd::web
