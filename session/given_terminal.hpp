// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "common/event_loop.hpp"
#include "common/terminal/detach_keys.hpp"
#include "common/unique_fd.hpp"

namespace ptyd {

// The terminal of a client that has given it to the host, so that its bytes take no way through the
// client. The host has an open file description of its own, so that it can be non-blocking without
// the client's being so; it never becomes the host's controlling terminal.
//
// A terminal is a channel back to its user: only one of the host's own user may be taken.
class GivenTerminal {
 public:
  struct Callbacks {
    std::function<bool(std::size_t)> input_fits;  // so much more may be typed
    std::function<void(std::span<const std::uint8_t>)> on_typed;
    std::function<void()> on_detach_keys;
    std::function<void()> on_room;     // after want_room(true)
    std::function<void()> on_hung_up;  // once; any of these may destroy it
  };
  // Null when `offered` is no terminal, or one that cannot be opened again.
  static std::unique_ptr<GivenTerminal> take(EventLoop& loop, const UniqueFd& offered,
                                             Callbacks callbacks);

  // How much of it was taken: 0 when there is no room now, less than 0 when there never will be.
  [[nodiscard]] ssize_t write(std::span<const std::uint8_t> bytes);
  void want_room(bool want);
  // After input did not fit: it may now.
  void resume_input();
  [[nodiscard]] bool at_line_start() const { return at_line_start_; }

 private:
  GivenTerminal(EventLoop& loop, UniqueFd terminal, Callbacks callbacks);
  void on_events(std::uint32_t events);
  void read_some();
  void on_keys_expired();
  void update_events();

  UniqueFd terminal_;
  Callbacks callbacks_;
  DetachKeys keys_;
  Timer keys_timer_;
  bool input_waits_ = false;
  bool want_room_ = false;
  bool at_line_start_ = true;
  std::shared_ptr<bool> alive_;  // false once destroyed, for code that has called back
  std::unique_ptr<IoWatch> watch_;
};

}  // namespace ptyd
