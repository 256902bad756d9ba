// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "common/unique_fd.hpp"

namespace ptyd {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC: deadlines ignore wall clock changes

// One thread's loop on epoll(7), with timers on one timerfd. Not thread safe but for Mailbox.
//
// Watches, timers and mailboxes are owned by whoever created them; destroying one, even inside its
// own callback, guarantees that its callback is not called again. The loop must outlive them.
// Nothing here throws after construction but std::bad_alloc; a callback must not throw.
class EventLoop {
 public:
  EventLoop();  // throws std::system_error
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Dispatches until quit().
  void run();
  // Waits for at most `timeout` (negative: for ever), dispatches what is ready once.
  void run_once(std::chrono::milliseconds timeout);
  void quit() { quit_ = true; }
  // For a thread that sleeps elsewhere: becomes readable when run_once(0) has something to do, as
  // long as prepare_to_wait() came before. The latter is false when there is something already.
  [[nodiscard]] int fd() const { return epoll_.get(); }
  [[nodiscard]] bool prepare_to_wait() { return arm_timerfd() && tasks_.empty(); }
  // Runs `task` after the callbacks of this turn, before the loop sleeps again.
  void post(std::function<void()> task);
  // How long one source of events may go on in a turn while others wait: short for a person at a
  // terminal, long beside a system call.
  static constexpr std::chrono::milliseconds kTurnTime{5};
  // Whether this turn has lasted longer than that: what is left to do should be posted.
  [[nodiscard]] bool turn_is_long() const { return Clock::now() - turn_start_ > kTurnTime; }
  // The longest time one turn has kept the loop from looking at its descriptors.
  [[nodiscard]] Clock::duration longest_turn() const { return longest_turn_; }

 private:
  friend class IoWatch;
  friend class Timer;

  struct IoNode {
    std::function<void(std::uint32_t)> callback;
    bool dead = false;
  };
  struct TimerNode {
    std::function<void()> callback;
    bool dead = false;
  };
  using TimerQueue = std::multimap<Clock::time_point, std::shared_ptr<TimerNode>>;

  void retire(std::unique_ptr<IoNode> node);
  // False when nothing would wake the loop for its next timer.
  bool arm_timerfd();
  void run_timers();
  void run_tasks();

  UniqueFd epoll_;
  UniqueFd timerfd_;
  TimerQueue timers_;
  Clock::time_point armed_for_ = Clock::time_point::max();
  std::vector<std::unique_ptr<IoNode>> retired_;  // freed once no callback of theirs can be running
  std::vector<std::function<void()>> tasks_;
  Clock::time_point turn_start_{};
  Clock::duration longest_turn_{};
  bool dispatching_ = false;
  bool quit_ = false;
};

// Calls back with the epoll events of a descriptor (level-triggered). Does not own the descriptor,
// which must stay open for as long as the watch lives.
class IoWatch {
 public:
  using Callback = std::function<void(std::uint32_t events)>;
  // Throws std::system_error; EPERM means a file that epoll cannot watch (a regular file).
  IoWatch(EventLoop& loop, int fd, std::uint32_t events, Callback callback);
  ~IoWatch();
  IoWatch(const IoWatch&) = delete;
  IoWatch& operator=(const IoWatch&) = delete;

  // EPOLLERR and EPOLLHUP are reported even with 0.
  void set_events(std::uint32_t events);
  [[nodiscard]] std::uint32_t events() const { return events_; }

 private:
  EventLoop& loop_;
  int fd_;
  std::uint32_t events_;
  std::unique_ptr<EventLoop::IoNode> node_;
};

// The same for after the start-up, where nothing may throw: null when it cannot be watched.
[[nodiscard]] std::unique_ptr<IoWatch> try_watch(EventLoop& loop, int fd, std::uint32_t events,
                                                 IoWatch::Callback callback);

// Calls back once after start(); start() again moves the deadline.
class Timer {
 public:
  Timer(EventLoop& loop, std::function<void()> callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void start(Clock::duration delay);
  void stop();
  [[nodiscard]] bool active() const { return active_; }
  // Only meaningful while active.
  [[nodiscard]] Clock::time_point deadline() const { return position_->first; }

 private:
  friend class EventLoop;
  void fire();

  EventLoop& loop_;
  std::function<void()> callback_;
  std::shared_ptr<EventLoop::TimerNode> node_;
  EventLoop::TimerQueue::iterator position_;
  bool active_ = false;
};

// Delivers signals as events. Blocks them in the calling thread, so construct it before any other
// thread starts; they stay blocked afterwards (a late SIGTERM must not kill an orderly exit).
class SignalWatch {
 public:
  SignalWatch(EventLoop& loop, std::initializer_list<int> signals,
              std::function<void(const signalfd_siginfo&)> callback);

 private:
  UniqueFd fd_;
  std::function<void(const signalfd_siginfo&)> callback_;
  std::unique_ptr<IoWatch> watch_;
};

// Runs tasks of other threads on the loop's thread. post() may be called from any thread until the
// mailbox is destroyed; the poster bounds how many tasks it has under way.
class Mailbox {
 public:
  explicit Mailbox(EventLoop& loop);
  void post(std::function<void()> task);

 private:
  void deliver();

  UniqueFd eventfd_;
  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;
  std::unique_ptr<IoWatch> watch_;
};

}  // namespace ptyd
