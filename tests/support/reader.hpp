// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "common/unique_fd.hpp"
#include "tests/support/deadline.hpp"

namespace ptyd::test {

// Reads a descriptor on a thread of its own until it ends, so that whoever writes to it never waits
// for the test. Each read() is given to the sink, which must be thread safe.
class Reader {
 public:
  // `on_end` is called once, when the descriptor has nothing more to give.
  Reader(int fd, std::function<void(std::string_view)> sink, std::function<void()> on_end);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

 private:
  void run();

  int fd_;
  std::function<void(std::string_view)> sink_;
  std::function<void()> on_end_;
  UniqueFd stop_;  // an eventfd
  std::thread thread_;
};

// Text that arrives while a test runs, and waiting for some of it. Thread safe.
class Output {
 public:
  void append(std::string_view piece);
  void end();

  [[nodiscard]] std::string text() const;
  // True once the text satisfies the condition; fails when it ends or time is up before that, and
  // then tells what there was.
  testing::AssertionResult wait_until(const std::function<bool(const std::string&)>& condition,
                                      const std::string& what,
                                      std::chrono::milliseconds timeout = kPatience) const;
  testing::AssertionResult wait_for(const std::string& part,
                                    std::chrono::milliseconds timeout = kPatience) const;
  // ECMAScript, searched for anywhere.
  testing::AssertionResult wait_for_regex(const std::string& regex,
                                          std::chrono::milliseconds timeout = kPatience) const;
  testing::AssertionResult wait_end(std::chrono::milliseconds timeout = kPatience) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::string text_;
  bool ended_ = false;
};

}  // namespace ptyd::test
