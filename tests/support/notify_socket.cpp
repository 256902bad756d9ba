// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/notify_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <system_error>

namespace ptyd::test {

NotifySocket::NotifySocket(std::string path)
    : path_(std::move(path)), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    throw std::system_error(errno, std::generic_category(), "bind " + path_);
  // A datagram is one read; descriptors that come along (a barrier's) are closed by the kernel.
  reader_ = std::make_unique<Reader>(
      socket_.get(), [this](std::string_view message) { on_message(message); }, [] {});
}

void NotifySocket::on_message(std::string_view message) {
  std::istringstream in{std::string(message)};
  const std::lock_guard lock(mutex_);
  for (std::string text; std::getline(in, text);)
    lines_.push_back({std::chrono::steady_clock::now(), text});
  changed_.notify_all();
}

bool NotifySocket::has_locked(const std::string& text) const {
  return std::any_of(lines_.begin(), lines_.end(),
                     [&](const Line& line) { return line.text.starts_with(text); });
}

testing::AssertionResult NotifySocket::wait_for(const std::string& text,
                                                std::chrono::milliseconds timeout) const {
  const Deadline deadline(timeout);
  std::unique_lock lock(mutex_);
  if (changed_.wait_until(lock, deadline.end(), [&] { return has_locked(text); }))
    return testing::AssertionSuccess();
  auto failure = testing::AssertionFailure() << "no \"" << text << "\" on the notify socket within "
                                             << timeout.count() << " ms; there was:";
  for (const auto& line : lines_) failure << "\n  " << line.text;
  return failure;
}

std::vector<NotifySocket::Line> NotifySocket::lines() const {
  const std::lock_guard lock(mutex_);
  return lines_;
}

bool NotifySocket::has(const std::string& text) const {
  const std::lock_guard lock(mutex_);
  return has_locked(text);
}

void NotifySocket::clear() {
  const std::lock_guard lock(mutex_);
  lines_.clear();
}

}  // namespace ptyd::test
