// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/pty.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace ptyd {
namespace {

// Long enough for any /dev/pts/N.
constexpr std::size_t kMaxTerminalName = 64;

std::error_code errno_code() { return {errno, std::generic_category()}; }

int open_terminal(int master, const char* name) {
  constexpr int kFlags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  // By the master itself: the name may mean another terminal in this mount namespace.
  const int fd = ::ioctl(master, TIOCGPTPEER, kFlags);
  return fd >= 0 ? fd : ::open(name, kFlags);
}

}  // namespace

std::unique_ptr<Pty> Pty::open(EventLoop& loop, TerminalSize size, std::error_code& error) {
  std::unique_ptr<Pty> pty(new Pty(loop));
  error = pty->open_pair(size);
  if (error) return nullptr;
  return pty;
}

std::error_code Pty::start(Callbacks callbacks) {
  callbacks_ = std::move(callbacks);
  return update_watch();
}

std::error_code Pty::open_pair(TerminalSize size) {
  master_ = UniqueFd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, kMaxTerminalName> name{};
  if (!master_ || ::grantpt(master_.get()) < 0 || ::unlockpt(master_.get()) < 0 ||
      ::ptsname_r(master_.get(), name.data(), name.size()) != 0)
    return errno_code();
  name_ = name.data();
  terminal_ = UniqueFd(open_terminal(master_.get(), name.data()));
  termios modes{};
  if (!terminal_ || ::tcgetattr(terminal_.get(), &modes) < 0) return errno_code();
  modes.c_iflag |= IUTF8;  // else the line editor erases half of a character
  if (::tcsetattr(terminal_.get(), TCSANOW, &modes) < 0) return errno_code();
  set_size(size);
  return {};
}

std::optional<std::size_t> Pty::read(std::span<std::uint8_t> into) {
  if (ended_) return std::nullopt;
  const auto n = ::read(master_.get(), into.data(), into.size());
  if (n > 0) return static_cast<std::size_t>(n);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  // EIO: no terminal side is open any more. epoll would go on reporting that.
  close();
  return std::nullopt;
}

void Pty::set_reading(bool reading) {
  if (reading == reading_) return;
  reading_ = reading;
  update_watch();
}

void Pty::type(std::span<const std::uint8_t> bytes) {
  if (!terminal_) return;  // nobody is left to read it
  if (queue_.empty()) bytes = bytes.subspan(write_some(bytes));
  queue_.insert(queue_.end(), bytes.begin(), bytes.end());
  update_watch();
}

std::size_t Pty::write_some(std::span<const std::uint8_t> bytes) {
  const auto n = ::write(master_.get(), bytes.data(), bytes.size());
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

void Pty::on_events(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    queue_sent_ += write_some(std::span(queue_).subspan(queue_sent_));
    if (queue_sent_ == queue_.size()) {
      Bytes().swap(queue_);
      queue_sent_ = 0;
    }
    update_watch();
    callbacks_.on_input_room();
  }
  if (reading_ && !ended_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
    callbacks_.on_readable();
}

void Pty::set_size(TerminalSize size) {
  winsize window{};
  window.ws_row = size.rows;
  window.ws_col = size.columns;
  if (master_) ::ioctl(master_.get(), TIOCSWINSZ, &window);
}

void Pty::close_terminal() {
  terminal_.reset();
  Bytes().swap(queue_);
  queue_sent_ = 0;
  update_watch();
}

void Pty::close() {
  ended_ = true;
  watch_.reset();
  terminal_.reset();
  master_.reset();
}

std::error_code Pty::update_watch() {
  if (ended_) return {};
  const std::uint32_t events = (reading_ ? EPOLLIN : 0U) | (queue_.empty() ? 0U : EPOLLOUT);
  if (events == 0 && !terminal_) {
    watch_.reset();  // a hang-up is reported even when nothing is asked for
  } else if (watch_) {
    watch_->set_events(events);
  } else {
    try {
      watch_ = std::make_unique<IoWatch>(loop_, master_.get(), events,
                                         [this](std::uint32_t ready) { on_events(ready); });
    } catch (const std::system_error& e) {
      return e.code();
    }
  }
  return {};
}

}  // namespace ptyd
