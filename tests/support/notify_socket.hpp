// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/unique_fd.hpp"
#include "tests/support/reader.hpp"

namespace ptyd::test {

// Plays the service manager's side of sd_notify(3).
class NotifySocket {
 public:
  struct Line {
    std::chrono::steady_clock::time_point at;
    std::string text;  // "READY=1"
  };

  // `path` becomes NOTIFY_SOCKET of the service.
  explicit NotifySocket(std::string path);

  [[nodiscard]] const std::string& path() const { return path_; }
  // Waits for a line, among those of now and of later, that begins with `text`.
  testing::AssertionResult wait_for(const std::string& text,
                                    std::chrono::milliseconds timeout = kPatience) const;
  // All lines so far, in order.
  [[nodiscard]] std::vector<Line> lines() const;
  [[nodiscard]] bool has(const std::string& text) const;
  // Before the service is started once more.
  void clear();

 private:
  void on_message(std::string_view message);
  [[nodiscard]] bool has_locked(const std::string& text) const;

  std::string path_;
  UniqueFd socket_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<Line> lines_;
  std::unique_ptr<Reader> reader_;
};

}  // namespace ptyd::test
