// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/reader.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <regex>

namespace ptyd::test {

Reader::Reader(int fd, std::function<void(std::string_view)> sink, std::function<void()> on_end)
    : fd_(fd),
      sink_(std::move(sink)),
      on_end_(std::move(on_end)),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      thread_([this] { run(); }) {}

Reader::~Reader() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(stop_.get(), &one, sizeof one);
  thread_.join();
}

void Reader::run() {
  std::array<char, 64 * 1024> buffer;
  while (true) {
    std::array<pollfd, 2> fds{pollfd{fd_, POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) break;
    if (fds[1].revents != 0) return;
    if (fds[0].revents == 0) continue;
    const auto n = ::read(fd_, buffer.data(), buffer.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) break;  // EIO is how a PTY ends
    sink_({buffer.data(), static_cast<std::size_t>(n)});
  }
  on_end_();
}

void Output::append(std::string_view piece) {
  const std::lock_guard lock(mutex_);
  text_ += piece;
  changed_.notify_all();
}

void Output::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

std::string Output::text() const {
  const std::lock_guard lock(mutex_);
  return text_;
}

testing::AssertionResult Output::wait_until(
    const std::function<bool(const std::string&)>& condition, const std::string& what,
    std::chrono::milliseconds timeout) const {
  const Deadline deadline(timeout);
  std::unique_lock lock(mutex_);
  while (!condition(text_)) {
    if (ended_)
      return testing::AssertionFailure() << "ended without " << what << "; there was:\n" << text_;
    if (changed_.wait_until(lock, deadline.end()) == std::cv_status::timeout && !condition(text_))
      return testing::AssertionFailure()
             << "no " << what << " within " << timeout.count() << " ms; there was:\n"
             << text_;
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult Output::wait_for(const std::string& part,
                                          std::chrono::milliseconds timeout) const {
  return wait_until([&](const std::string& text) { return text.find(part) != std::string::npos; },
                    "\"" + part + "\"", timeout);
}

testing::AssertionResult Output::wait_for_regex(const std::string& regex,
                                                std::chrono::milliseconds timeout) const {
  const std::regex compiled(regex);
  return wait_until([&](const std::string& text) { return std::regex_search(text, compiled); },
                    "/" + regex + "/", timeout);
}

testing::AssertionResult Output::wait_end(std::chrono::milliseconds timeout) const {
  const Deadline deadline(timeout);
  std::unique_lock lock(mutex_);
  if (changed_.wait_until(lock, deadline.end(), [&] { return ended_; }))
    return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << "still open after " << timeout.count() << " ms; there was:\n"
         << text_;
}

}  // namespace ptyd::test
