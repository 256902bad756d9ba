// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>

namespace ptyd::test {

// How long a test waits for something that must happen. Waits end as soon as it does, so this only
// costs time when a test fails; it is generous because machines are shared and sanitizers slow.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::chrono::milliseconds kPatience{45'000};
#else
inline constexpr std::chrono::milliseconds kPatience{20'000};
#endif

class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds timeout)
      : end_(std::chrono::steady_clock::now() + timeout) {}
  [[nodiscard]] std::chrono::steady_clock::time_point end() const { return end_; }
  // Milliseconds left as poll(2) takes them: never negative, rounded up.
  [[nodiscard]] int poll_timeout() const {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end_ - std::chrono::steady_clock::now());
    return left.count() > 0 ? static_cast<int>(left.count()) : 0;
  }
  [[nodiscard]] bool passed() const { return std::chrono::steady_clock::now() >= end_; }

 private:
  std::chrono::steady_clock::time_point end_;
};

// Asks until the condition holds: for what only a look tells, such as the answer to a request.
template <typename Condition>
bool eventually(Condition condition, std::chrono::milliseconds timeout = kPatience) {
  const Deadline deadline(timeout);
  while (!condition())
    if (deadline.passed()) return false;
  return true;
}

}  // namespace ptyd::test
