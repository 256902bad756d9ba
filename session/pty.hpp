// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include "common/event_loop.hpp"
#include "common/protocol.hpp"
#include "common/unique_fd.hpp"
#include "common/wire.hpp"

namespace ptyd {

// The session's terminal: the PTY master, and what was typed and is not yet taken.
//
// The terminal side stays open here until close_terminal(): so a command that closes its own and
// lives on does not hang the master up, which epoll would then report without end.
class Pty {
 public:
  struct Callbacks {
    std::function<void()> on_readable;    // output, or its end: call read()
    std::function<void()> on_input_room;  // queued input was taken
  };
  // Typed but not taken: bounds what a program that does not read can make the host keep.
  static constexpr std::size_t kMaxQueuedInput = 64 * 1024;

  // With the kernel's default modes and UTF-8 editing. Nothing, with `error` set, when it fails.
  static std::unique_ptr<Pty> open(EventLoop& loop, TerminalSize size, std::error_code& error);
  // Begins to call back.
  [[nodiscard]] std::error_code start(Callbacks callbacks);

  [[nodiscard]] int terminal_fd() const { return terminal_.get(); }
  // Of the terminal side: "/dev/pts/3".
  [[nodiscard]] const std::string& name() const { return name_; }

  // What there is, at most into.size() bytes: 0 when there is nothing now, nothing when there will
  // never be any.
  [[nodiscard]] std::optional<std::size_t> read(std::span<std::uint8_t> into);
  void set_reading(bool reading);

  [[nodiscard]] bool input_fits(std::size_t size) const {
    return size + queue_.size() - queue_sent_ <= kMaxQueuedInput;
  }
  // As if typed. Only what input_fits().
  void type(std::span<const std::uint8_t> bytes);

  void set_size(TerminalSize size);
  // The command is gone: read() reports the end once all that is left is read. Drops queued input.
  void close_terminal();
  void close();

 private:
  explicit Pty(EventLoop& loop) : loop_(loop) {}
  [[nodiscard]] std::error_code open_pair(TerminalSize size);
  void on_events(std::uint32_t events);
  // How many bytes of `bytes` the kernel took.
  std::size_t write_some(std::span<const std::uint8_t> bytes);
  // Fails only where it has to begin watching.
  std::error_code update_watch();

  EventLoop& loop_;
  Callbacks callbacks_;
  UniqueFd master_;
  UniqueFd terminal_;
  std::string name_;
  Bytes queue_;
  std::size_t queue_sent_ = 0;
  bool reading_ = true;
  bool ended_ = false;  // read() has said so
  std::unique_ptr<IoWatch> watch_;
};

}  // namespace ptyd
