// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "common/event_loop.hpp"
#include "daemon/session_manager.hpp"

namespace ptyd {

struct DrainOptions {
  std::optional<std::chrono::milliseconds> grace;  // else drain.grace
  bool exit = false;  // stop when done: status 0, or 1 if sessions had to be ended
};

struct DrainProgress {
  std::size_t sessions = 0;  // left
  std::size_t total = 0;     // when the drain began
  std::chrono::milliseconds remaining{0};
  bool ending = false;  // the grace time is over, and what is left is being ended
};

// Waits for sessions to end by themselves: for the grace time, once more for as long, then it ends
// what is left. Those that are not to be waited for (`onDrain`) it ends at once. Whether new ones
// are taken is not its concern.
class Drain {
 public:
  // How often it is told how it goes, besides at every change: the time that is left runs.
  static constexpr std::chrono::seconds kReportEvery{5};

  struct Callbacks {
    std::function<void(const DrainProgress&)> progress;
    // No session is left. Called from the loop, once.
    std::function<void()> done;
  };

  Drain(EventLoop& loop, SessionManager& sessions, Callbacks callbacks);
  ~Drain();

  // Also anew, with other options, while one is under way that may be cancelled.
  void begin(const DrainOptions& options, std::chrono::milliseconds grace);
  // It is over, done or not, and says no more. What it has begun to end ends.
  void cancel();
  // To be called when a session that may end with the daemon has changed.
  void on_session_changed(const Session& session);

  [[nodiscard]] bool active() const { return active_; }
  // Some sessions did not end by themselves.
  [[nodiscard]] bool abandoned() const { return abandoned_; }
  // They are being ended: too late to cancel it.
  [[nodiscard]] bool ending() const { return active_ && abandoned_ && !done_; }
  [[nodiscard]] const DrainOptions& options() const { return options_; }
  [[nodiscard]] DrainProgress progress() const;
  // While the grace time runs.
  [[nodiscard]] bool has_deadline() const { return active_ && grace_over_.active(); }

 private:
  void report();
  void report_later();
  void on_grace_over();
  void log_abandoned() const;

  EventLoop& loop_;
  SessionManager& sessions_;
  Callbacks callbacks_;
  DrainOptions options_;
  std::chrono::milliseconds grace_{0};
  std::size_t total_ = 0;
  std::size_t left_ = 0;
  bool active_ = false;
  bool extended_ = false;
  bool abandoned_ = false;
  bool done_ = false;
  bool reporting_ = false;       // owed, from the loop
  std::shared_ptr<bool> alive_;  // false once destroyed, for posted tasks
  Timer grace_over_;
  Timer report_;
};

}  // namespace ptyd
