// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/given_terminal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace ptyd {
namespace {

// Typing is a few bytes; pasted text comes in several turns.
constexpr std::size_t kReadSize = 4096;

// /dev/tty, /dev/console and /dev/ptmx are other terminals for whoever opens them.
bool is_relative(dev_t device) {
  constexpr unsigned kMajor = 5;
  return major(device) == kMajor;
}

UniqueFd open_again(int fd) {
  struct stat status {};
  if (::isatty(fd) != 1 || ::fstat(fd, &status) < 0 || is_relative(status.st_rdev)) return {};
  const auto path = "/proc/self/fd/" + std::to_string(fd);
  return UniqueFd(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

}  // namespace

std::unique_ptr<GivenTerminal> GivenTerminal::take(EventLoop& loop, const UniqueFd& offered,
                                                   Callbacks callbacks) {
  auto terminal = open_again(offered.get());
  if (!terminal) return nullptr;
  try {
    return std::unique_ptr<GivenTerminal>(
        new GivenTerminal(loop, std::move(terminal), std::move(callbacks)));
  } catch (const std::system_error&) {
    return nullptr;
  }
}

GivenTerminal::GivenTerminal(EventLoop& loop, UniqueFd terminal, Callbacks callbacks)
    : terminal_(std::move(terminal)),
      callbacks_(std::move(callbacks)),
      keys_timer_(loop, [this] { on_keys_expired(); }),
      alive_(std::make_shared<bool>(true)),
      watch_(std::make_unique<IoWatch>(loop, terminal_.get(), EPOLLIN,
                                       [this](std::uint32_t events) { on_events(events); })) {}

ssize_t GivenTerminal::write(std::span<const std::uint8_t> bytes) {
  const auto written = ::write(terminal_.get(), bytes.data(), bytes.size());
  if (written < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (written > 0) at_line_start_ = bytes[static_cast<std::size_t>(written) - 1] == '\n';
  return written;
}

void GivenTerminal::want_room(bool want) {
  if (want == want_room_) return;
  want_room_ = want;
  update_events();
}

void GivenTerminal::resume_input() {
  if (!std::exchange(input_waits_, false)) return;
  update_events();
}

void GivenTerminal::update_events() {
  watch_->set_events((input_waits_ ? 0U : EPOLLIN) | (want_room_ ? EPOLLOUT : 0U));
}

void GivenTerminal::on_events(std::uint32_t events) {
  const auto alive = alive_;
  if ((events & EPOLLOUT) != 0) callbacks_.on_room();
  if (alive.use_count() == 1) return;
  if ((events & EPOLLIN) != 0) return read_some();
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) callbacks_.on_hung_up();
}

void GivenTerminal::read_some() {
  // What was held back comes along.
  if (!callbacks_.input_fits(2 * kReadSize)) {
    input_waits_ = true;
    return update_events();
  }
  std::array<std::uint8_t, kReadSize> buffer;
  const auto size = ::read(terminal_.get(), buffer.data(), buffer.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) return callbacks_.on_hung_up();
  const auto typed =
      keys_.feed(std::span(buffer).first(static_cast<std::size_t>(size)), Clock::now());
  if (const auto deadline = keys_.deadline())
    keys_timer_.start(*deadline - Clock::now());
  else
    keys_timer_.stop();
  const auto alive = alive_;
  if (!typed.pass_on.empty()) callbacks_.on_typed(typed.pass_on);
  if (typed.detach && alive.use_count() > 1) callbacks_.on_detach_keys();
}

void GivenTerminal::on_keys_expired() {
  const auto held = keys_.expire();
  callbacks_.on_typed(held);
}

}  // namespace ptyd
