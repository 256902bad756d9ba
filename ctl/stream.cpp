// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/stream.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>

namespace ptyd {
namespace {

constexpr std::size_t kReadSize = 4096;
// A blocking descriptor that poll(2) calls writable takes this much without waiting: a pipe has
// room for PIPE_BUF, a terminal for a little.
constexpr std::size_t kBlockingPiece = 256;

// An open file description of our own, non-blocking. None where a second one would be something
// else: a regular file has its position in the description, a socket cannot be opened.
UniqueFd open_again(int fd, int access) {
  struct stat status {};
  const bool suitable =
      ::isatty(fd) == 1 || (::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode));
  if (!suitable) return {};
  const auto path = "/proc/self/fd/" + std::to_string(fd);
  return UniqueFd(::open(path.c_str(), access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

std::unique_ptr<IoWatch> watch_if_possible(EventLoop& loop, int fd, IoWatch::Callback callback) {
  try {
    return std::make_unique<IoWatch>(loop, fd, 0, std::move(callback));
  } catch (const std::system_error& error) {
    if (error.code().value() != EPERM) throw;
    return nullptr;
  }
}

}  // namespace

InputStream::InputStream(EventLoop& loop, int fd, Callbacks callbacks)
    : loop_(loop),
      own_(open_again(fd, O_RDONLY)),
      fd_(own_ ? own_.get() : fd),
      callbacks_(std::move(callbacks)),
      watch_(watch_if_possible(loop, fd_, [this](std::uint32_t events) { on_events(events); })),
      alive_(std::make_shared<bool>(true)) {}

InputStream::~InputStream() { *alive_ = false; }

void InputStream::pause() {
  paused_ = true;
  if (watch_) watch_->set_events(0);
}

void InputStream::resume() {
  if (!paused_ || ended_) return;
  paused_ = false;
  if (watch_) {
    watch_->set_events(EPOLLIN);
  } else {
    read_later();
  }
}

void InputStream::on_events(std::uint32_t) {
  if (!paused_) return read_some();
  // A hang-up, which would be reported for ever: from now on it is ready for reading at any time.
  watch_.reset();
}

void InputStream::read_later() {
  if (read_posted_) return;
  read_posted_ = true;
  loop_.post([this, alive = alive_] {
    if (!*alive) return;
    read_posted_ = false;
    if (!paused_ && !ended_) read_some();
  });
}

void InputStream::read_some() {
  std::array<std::uint8_t, kReadSize> buffer;
  const auto size = ::read(fd_, buffer.data(), buffer.size());
  if (size < 0 && (errno == EINTR || (errno == EAGAIN && watch_))) return;
  if (size <= 0) {
    ended_ = true;
    watch_.reset();
    const auto on_end = callbacks_.on_end;
    return on_end();
  }
  const auto alive = alive_;
  callbacks_.on_data(std::span(buffer).first(static_cast<std::size_t>(size)));
  if (*alive && !watch_) read_later();
}

OutputStream::OutputStream(EventLoop& loop, int fd, Callbacks callbacks)
    : loop_(loop),
      own_(open_again(fd, O_WRONLY)),
      fd_(own_ ? own_.get() : fd),
      callbacks_(std::move(callbacks)),
      watch_(watch_if_possible(loop, fd_, [this](std::uint32_t events) { on_events(events); })),
      alive_(std::make_shared<bool>(true)) {}

OutputStream::~OutputStream() { *alive_ = false; }

void OutputStream::write(std::span<const std::uint8_t> bytes) {
  if (failed_) return;
  queue_.insert(queue_.end(), bytes.begin(), bytes.end());
  flush();
}

void OutputStream::write_last(std::span<const std::uint8_t> bytes,
                              std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  while (!failed_ && !bytes.empty() && Clock::now() < deadline) {
    const auto written = try_write(bytes);
    if (written < 0) return;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    if (written > 0) continue;
    pollfd waiting{fd_, POLLOUT, 0};
    constexpr int kPauseMs = 20;
    ::poll(&waiting, 1, kPauseMs);
  }
}

ssize_t OutputStream::try_write(std::span<const std::uint8_t> bytes) {
  if (!own_ && watch_) {
    pollfd ready{fd_, POLLOUT, 0};
    if (::poll(&ready, 1, 0) <= 0) return 0;
    bytes = bytes.first(std::min(bytes.size(), kBlockingPiece));
  }
  const auto written = ::write(fd_, bytes.data(), bytes.size());
  if (written < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  return written;
}

void OutputStream::on_events(std::uint32_t events) {
  if ((events & EPOLLOUT) == 0 && (events & (EPOLLERR | EPOLLHUP)) != 0) return fail();
  flush();
}

void OutputStream::flush() {
  const auto alive = alive_;
  while (pending() > 0) {
    const auto rest = std::span<const std::uint8_t>(queue_).subspan(start_);
    const auto written = try_write(rest);
    if (written < 0) return fail();
    if (written == 0) break;
    start_ += static_cast<std::size_t>(written);
    callbacks_.on_written(rest.first(static_cast<std::size_t>(written)));
    if (!*alive || failed_) return;
  }
  // Kept small, without moving the rest for each piece written.
  constexpr std::size_t kCompactAt = 16 * 1024;
  if (pending() == 0 || start_ >= kCompactAt) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(start_));
    start_ = 0;
  }
  if (watch_) watch_->set_events(pending() > 0 ? EPOLLOUT : 0U);
}

void OutputStream::fail() {
  if (failed_) return;
  failed_ = true;
  watch_.reset();
  loop_.post([this, alive = alive_] {
    if (*alive) callbacks_.on_failed();
  });
}

}  // namespace ptyd
