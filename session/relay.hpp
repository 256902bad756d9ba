// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "common/event_loop.hpp"
#include "common/protocol.hpp"
#include "common/scrollback/scrollback.hpp"
#include "session/activity.hpp"
#include "session/pty.hpp"
#include "session/screen_follower.hpp"
#include "session/scrollback_packer.hpp"
#include "session/spawn.hpp"
#include "session/viewers.hpp"
#include "session/window.hpp"

namespace ptyd {

// The way of the bytes: from the terminal through the scrollback to the viewers, and back. It knows
// neither the command nor the daemon.
class Relay {
 public:
  struct Callbacks {
    std::function<void()> on_status;    // idle(), viewers() or size() may have changed
    std::function<void()> on_drained;   // after begin_drain(): all output is in the scrollback
    std::function<void()> on_all_gone;  // the last viewer has gone
  };
  // Null, with `failure` set, when it fails.
  static std::unique_ptr<Relay> open(EventLoop& loop, const SessionSpec& spec, Callbacks callbacks,
                                     StartFailure& failure);

  [[nodiscard]] int terminal_fd() const { return pty_->terminal_fd(); }
  [[nodiscard]] const std::string& terminal() const { return pty_->name(); }
  [[nodiscard]] int scrollback_fd() const { return scrollback_.fd(); }
  [[nodiscard]] bool idle() const { return activity_.idle(); }
  [[nodiscard]] TerminalSize size() const { return window_.size(); }
  [[nodiscard]] std::size_t viewers() const { return viewers_.count(); }
  [[nodiscard]] bool all_gone() const { return viewers_.all_gone(); }

  // Makes a client's connection a viewer that is shown what there is to see.
  void attach(UniqueFd socket, const PassClient& client);
  // False, and nothing is typed, when the terminal's queue has no room for all of it.
  bool type(std::span<const std::uint8_t> bytes);
  void resize(TerminalSize size);
  // What is shown, see Screen::draw_lines(), in a sealed memfd.
  [[nodiscard]] UniqueFd capture(bool with_style, std::error_code& error);
  std::uint32_t detach_all() { return viewers_.detach_all("requested"); }
  void notice(std::span<const std::uint8_t> payload) { viewers_.notice(payload); }

  // The command has exited: takes in what it printed last, then calls on_drained, which may be at
  // once and is soon.
  void begin_drain();
  // After that: the viewers, and those still to come, get the rest and this end.
  void finish(const ExitResult& result);

 private:
  Relay(EventLoop& loop, Scrollback scrollback, std::unique_ptr<Pty> pty, const SessionSpec& spec,
        Callbacks callbacks);
  void on_readable();
  // False when there is nothing more to be read for now.
  bool read_output();
  void on_room();
  void on_quiet();
  void drained();
  void note_activity();
  // Where the last output before `end` begins that was drawn on the main screen.
  [[nodiscard]] std::uint64_t recent(const ModeState& modes, std::uint64_t end) const;
  // Where the replay of output begins that a terminal can show: the head when there is none.
  [[nodiscard]] std::uint64_t replay_start(const ModeState& modes) const;
  // The lines that have left the screen, the newest that the replay holds.
  [[nodiscard]] std::string history(const Screen& screen) const;
  void restore_screen(Viewer& viewer, bool first);
  // Whether the client's terminal shows what all output up to its position makes at this size, and
  // the rest is still there.
  [[nodiscard]] bool can_resume(const PassClient& client) const;
  [[nodiscard]] std::string undo(bool all);
  [[nodiscard]] Viewer::Owner::Place place();

  Callbacks callbacks_;
  std::string id_;
  std::string name_;
  Scrollback scrollback_;
  std::unique_ptr<Pty> pty_;
  ScreenFollower follower_;
  ScrollbackPacker packer_;
  Window window_;
  Viewers viewers_;
  Activity activity_;
  bool waiting_ = false;  // output waits for viewers
  bool draining_ = false;
  std::optional<ExitResult> result_;
  Timer quiet_timer_;
  Timer drain_timer_;
};

}  // namespace ptyd
