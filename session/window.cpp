// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/window.hpp"

namespace ptyd {
namespace {

// A program that draws does so well within this; one that does not must not keep the wrong size.
constexpr std::chrono::milliseconds kRedrawWait{100};

}  // namespace

Window::Window(EventLoop& loop, Pty& pty, TerminalSize size)
    : pty_(pty), size_(size), put_right_timer_(loop, [this] { put_right(); }) {}

bool Window::set(TerminalSize size) {
  if (size == size_) return false;
  size_ = size;
  changed_ = true;
  put_right();
  return true;
}

void Window::redraw() {
  changed_ = true;
  auto other = size_;
  other.rows = static_cast<std::uint16_t>(other.rows > 1 ? other.rows - 1 : other.rows + 1);
  pty_.set_size(other);
  put_right_timer_.start(kRedrawWait);
}

void Window::on_output() {
  if (put_right_timer_.active()) put_right();
}

void Window::put_right() {
  put_right_timer_.stop();
  pty_.set_size(size_);
}

}  // namespace ptyd
