// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/event_loop.hpp"
#include "common/protocol.hpp"
#include "common/scrollback/scrollback.hpp"
#include "session/viewer.hpp"

namespace ptyd {

// All clients attached to the session, and the rule for slow ones: output waits for a viewer that
// keeps up, never for long, and not at all for one that lags.
class Viewers : private Viewer::Owner {
 public:
  struct Callbacks {
    std::function<bool(std::size_t)> input_fits;
    std::function<void(std::span<const std::uint8_t>)> on_input;  // as much as input_fits()
    std::function<void(TerminalSize)> on_size;  // the viewer that was last active has this size
    std::function<void()> on_room;           // after try_admit() declined: output may perhaps go on
    std::function<void(Viewer&)> on_missed;  // it keeps up again, but has missed output
    std::function<std::string(bool all)> undo;  // see Viewer::Owner
    std::function<Viewer::Owner::Place()> place;
    std::function<void()> on_count_changed;
    std::function<void()> on_all_gone;
  };
  // Bounds the memory and descriptors of one session.
  static constexpr std::size_t kMaxViewers = 64;

  Viewers(EventLoop& loop, const Scrollback& scrollback, Callbacks callbacks);

  // Takes in a client's connection; nothing is sent yet. Null (the client is told why, if possible)
  // when it cannot be a viewer. `steal` detaches all others. The viewer is owned here and valid
  // until the loop's turn ends.
  Viewer* attach(UniqueFd socket, const Viewer::Options& options, bool steal);
  // Attached ones, without those that are only told the last things.
  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] bool all_gone() const { return viewers_.empty(); }

  // Whether up to kMaxOutputRead more bytes may go into the scrollback now; on_room otherwise.
  [[nodiscard]] bool try_admit();
  // Sends new output to all.
  void pump();
  void resume_input();
  void notice(std::span<const std::uint8_t> payload);
  // Tells all attached ones why and lets them go; how many they were.
  std::uint32_t detach_all(const char* reason);
  // There will be no more output: each gets the rest, the end, and is let go.
  void finish(const ExitResult& result);

 private:
  bool input_fits(std::size_t size) const override { return callbacks_.input_fits(size); }
  void on_input(Viewer& viewer, std::span<const std::uint8_t> bytes) override;
  void on_resize(Viewer& viewer) override;
  void on_sent(Viewer& viewer) override;
  void on_missed(Viewer& viewer) override { callbacks_.on_missed(viewer); }
  std::string undo(bool all) override { return callbacks_.undo(all); }
  Place place() override { return callbacks_.place(); }
  void on_leaving(Viewer& viewer) override;
  void on_gone(Viewer& viewer) override;
  // Applies `f` to each viewer that is not gone.
  template <typename F>
  void for_each(F f);
  void make_place();
  void sweep();
  void on_patience_over();
  void arm_patience();
  void on_leave_time();
  void arm_leave_time();

  EventLoop& loop_;
  const Scrollback& scrollback_;
  Callbacks callbacks_;
  std::vector<std::unique_ptr<Viewer>> viewers_;
  bool sweep_posted_ = false;
  Timer patience_timer_;
  Timer leave_timer_;
};

}  // namespace ptyd
