// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "common/event_loop.hpp"

namespace ptyd {

// One thread for what may block (disk, name service). Jobs run in order; their ends are told on the
// loop's thread. Whoever posts bounds how many jobs it has under way.
class Worker {
 public:
  explicit Worker(EventLoop& loop);
  // Waits for the job that runs, but no longer than `kPatience`: a thread that hangs in a dead disk
  // or name service is left behind, since the process is about to end.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  static constexpr std::chrono::milliseconds kPatience{500};

  // `job` runs on the thread and must own all it touches; `done` runs on the loop, unless the
  // worker is destroyed before.
  void post(std::function<void()> job, std::function<void()> done);

 private:
  struct Shared;
  Mailbox mailbox_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace ptyd
