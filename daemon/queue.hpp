// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/event_loop.hpp"
#include "daemon/access.hpp"
#include "daemon/config.hpp"
#include "daemon/queue_entry.hpp"
#include "daemon/result.hpp"
#include "daemon/worker.hpp"

namespace ptyd {

// The requests for sessions that wait for the end of a drain, in order, and for a while what became
// of them. One JSON file an entry, queue/ID.json (0600), whole at any moment and written by a
// worker thread, as the store does it. Knows nothing of how sessions are started.
class Queue {
 public:
  // Of entries that are over, each owner's last ones are kept, and none for longer than this.
  static constexpr std::size_t kKeptOfUser = 100;
  static constexpr std::chrono::hours kKeptFor{7 * 24};

  struct Callbacks {
    // It is on disk.
    std::function<void(const QueueEntry&)> added;
    // Its state is another, or, with `removed`, it is no longer there.
    std::function<void(const QueueEntry&, bool removed)> changed;
    // status() has changed.
    std::function<void()> status_changed;
  };

  // Makes the folder (0700); throws std::system_error when it cannot be had.
  Queue(EventLoop& loop, const std::string& state_dir, const Config& config, Callbacks callbacks);

  // Reads all entries; what could not be read, a line each. Blocks: for the start-up alone.
  std::vector<std::string> load();
  void configure(const Config& config);

  // Puts the session at the end. Completes once that is on disk; refused when the queue is full,
  // when another entry of its owner that waits has its name, or with what the disk says, and then
  // nothing is left of it.
  void add(const SessionPtr& session, Completion<SessionPtr> done);
  // Withdraws an entry that is pending. What the caller may not see is not found.
  void remove(const Caller& caller, const std::string& id, Completion<Nothing> done);
  // Changes the state, at once here and as soon as it can be on disk: a write that fails is tried
  // again every store.interval. `durable`, if given, is called when it is on disk.
  void set_state(const std::string& id, QueueState state, const std::string& reason,
                 std::function<void()> durable = {});
  // Calls back when nothing is left to write, or with the error of the attempt.
  void flush(std::function<void(const std::string& error)> done);

  // In order. Valid until the queue changes.
  [[nodiscard]] std::vector<const QueueEntry*> visible_to(const Caller& caller) const;
  [[nodiscard]] std::vector<const QueueEntry*> waiting() const;
  [[nodiscard]] std::size_t waiting_count() const;
  [[nodiscard]] std::size_t waiting_count(const Caller& caller) const;
  // Null when there is none.
  [[nodiscard]] const QueueEntry* find(const std::string& id) const;
  // It is over, on disk too: no crash can have it started again. Not so what could not be read.
  [[nodiscard]] bool is_settled(const std::string& id) const;
  // By an entry of this owner that waits.
  [[nodiscard]] bool name_in_use(uid_t uid, const std::string& name) const;
  [[nodiscard]] bool has(const std::string& id) const { return item_of(id) != nullptr; }
  // "ok" or the error of the last attempt.
  [[nodiscard]] const std::string& status() const { return status_; }

 private:
  struct Item {
    QueueEntry entry;
    bool listed = false;  // on disk, and not being withdrawn
    bool writing = false;
    bool dirty = false;                          // what is on disk is not what is here
    std::vector<std::function<void()>> durable;  // called once it is
    Completion<SessionPtr> added;                // until its first write has ended
  };
  using Items = std::list<Item>;

  [[nodiscard]] const Item* item_of(const std::string& id) const;
  [[nodiscard]] Item* item_of(const std::string& id);
  [[nodiscard]] Status may_add(const Session& session) const;
  [[nodiscard]] std::string path_of(const std::string& id) const;
  void write(Item& item);
  void on_written(const std::string& id, const std::string& error);
  void on_first_write(Item& item, const std::string& error);
  void on_removed(const std::string& id, const std::string& error, const Completion<Nothing>& done);
  void erase(const std::string& id);
  void forget_old();
  void write_dirty();
  void retry();
  void end_flush();
  void update_status(const std::string& error);

  const std::string folder_;
  Config config_;
  Callbacks callbacks_;
  Items items_;                       // in the order of their sequence numbers
  std::set<std::string> left_alone_;  // ids in the folder of which nothing else is known
  std::uint64_t last_sequence_ = 0;
  std::size_t jobs_ = 0;  // of the worker, under way
  std::vector<std::function<void(const std::string&)>> waiting_for_flush_;
  std::string status_ = "ok";
  Timer retry_;
  Timer tidy_;
  Worker worker_;  // last: its thread ends before what its jobs report to
};

}  // namespace ptyd
