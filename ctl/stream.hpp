// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "common/event_loop.hpp"
#include "common/unique_fd.hpp"
#include "common/wire.hpp"

// Standard input and output on an event loop. The open file description of a standard stream is
// shared with other processes, so it is never made non-blocking: a terminal or a pipe is opened a
// second time for that. What cannot be opened again is read and written in pieces that poll(2)
// allows.
namespace ptyd {

class InputStream {
 public:
  struct Callbacks {
    std::function<void(std::span<const std::uint8_t>)> on_data;
    std::function<void()> on_end;  // end of file, hang-up or an error; once
  };
  // Does not own `fd`, which must stay open. Reads nothing before resume().
  InputStream(EventLoop& loop, int fd, Callbacks callbacks);
  ~InputStream();
  InputStream(const InputStream&) = delete;
  InputStream& operator=(const InputStream&) = delete;

  void pause();
  void resume();

 private:
  void on_events(std::uint32_t events);
  void read_some();
  void read_later();

  EventLoop& loop_;
  UniqueFd own_;
  int fd_;
  Callbacks callbacks_;
  std::unique_ptr<IoWatch> watch_;  // none: always ready, as a regular file is
  bool paused_ = true;
  bool ended_ = false;
  bool read_posted_ = false;
  std::shared_ptr<bool> alive_;
};

class OutputStream {
 public:
  struct Callbacks {
    // Bytes were taken: says which. May be called from within write().
    std::function<void(std::span<const std::uint8_t>)> on_written;
    // The reader is gone or a write failed: nothing is written any more. From the loop; once.
    std::function<void()> on_failed;
  };
  // Does not own `fd`, which must stay open.
  OutputStream(EventLoop& loop, int fd, Callbacks callbacks);
  ~OutputStream();
  OutputStream(const OutputStream&) = delete;
  OutputStream& operator=(const OutputStream&) = delete;

  // Keeps what is not taken at once: the caller stops when pending() becomes too much.
  void write(std::span<const std::uint8_t> bytes);
  [[nodiscard]] std::size_t pending() const { return failed_ ? 0 : queue_.size() - start_; }
  // Drops what is pending and writes `bytes` without the loop, for at most `limit`.
  void write_last(std::span<const std::uint8_t> bytes, std::chrono::milliseconds limit);

 private:
  // How much is taken without waiting: 0 for "try later", -1 for failure.
  ssize_t try_write(std::span<const std::uint8_t> bytes);
  void on_events(std::uint32_t events);
  void flush();
  void fail();

  EventLoop& loop_;
  UniqueFd own_;
  int fd_;
  Callbacks callbacks_;
  std::unique_ptr<IoWatch> watch_;
  Bytes queue_;
  std::size_t start_ = 0;
  bool failed_ = false;
  std::shared_ptr<bool> alive_;
};

}  // namespace ptyd
