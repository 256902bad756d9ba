// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/worker.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace ptyd {

// Outlives the Worker when its thread hangs.
struct Worker::Shared {
  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable ended;
  std::deque<std::pair<std::function<void()>, std::function<void()>>> jobs;
  Mailbox* mailbox = nullptr;  // null once the Worker is gone
  bool stop = false;
  bool done = false;

  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      wake.wait(lock, [this] { return stop || !jobs.empty(); });
      if (stop) break;
      auto [job, finished] = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
      if (mailbox != nullptr) mailbox->post(std::move(finished));
    }
    done = true;
    ended.notify_all();
  }
};

Worker::Worker(EventLoop& loop) : mailbox_(loop), shared_(std::make_shared<Shared>()) {
  shared_->mailbox = &mailbox_;
  std::thread([shared = shared_] { shared->run(); }).detach();
}

Worker::~Worker() {
  std::unique_lock lock(shared_->mutex);
  shared_->mailbox = nullptr;
  shared_->stop = true;
  shared_->wake.notify_all();
  shared_->ended.wait_for(lock, kPatience, [this] { return shared_->done; });
}

void Worker::post(std::function<void()> job, std::function<void()> done) {
  const std::lock_guard lock(shared_->mutex);
  shared_->jobs.emplace_back(std::move(job), std::move(done));
  shared_->wake.notify_all();
}

}  // namespace ptyd
