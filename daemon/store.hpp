// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/event_loop.hpp"
#include "common/scrollback/reader.hpp"
#include "daemon/result.hpp"
#include "daemon/state_files.hpp"
#include "daemon/worker.hpp"

namespace ptyd {

// Keeps one JSON file a session, sessions/ID.json, and the end of its scrollback beside it,
// sessions/ID.scrollback; both 0600, and whole at any moment: temporary file, fsync, rename, fsync
// of the folder. Changes are collected for kCoalesce and written by a worker thread, never by the
// loop; what could not be written is tried again every interval.
class Store {
 public:
  static constexpr std::chrono::milliseconds kCoalesce{200};

  struct Snapshot {
    Json record;
    std::uint64_t generation = 0;
    std::shared_ptr<ScrollbackReader> scrollback{};  // written too, if there is one
  };
  struct Callbacks {
    // The state of a session as it is now; nothing when it has been forgotten meanwhile.
    std::function<std::optional<Snapshot>(const std::string& id)> snapshot;
    // This generation is on disk, the scrollback with it when `with_scrollback`.
    std::function<void(const std::string& id, std::uint64_t generation, bool with_scrollback)>
        saved;
    // status() has changed.
    std::function<void()> status_changed;
  };

  // Makes the folder (0700); throws std::system_error when it cannot be had.
  Store(EventLoop& loop, const std::string& state_dir, std::chrono::milliseconds interval,
        std::uint64_t scrollback_bytes, Callbacks callbacks);

  using Loaded = LoadedRecords;
  // Reads all records. Blocks: for the start-up alone. The files of a newer version's are not
  // touched from then on, even if their sessions are known by their hosts.
  Loaded load();
  // Sets a record aside that was read but makes no sense. What became of it, for the log.
  std::string set_aside(const std::string& id);

  [[nodiscard]] bool leaves_alone(const std::string& id) const { return newer_.count(id) != 0; }

  void mark(const std::string& id);
  // Without waiting for further changes.
  void mark_urgently(const std::string& id);
  void remove(const std::string& id);
  // Writes what is marked now and calls back when nothing is left to write, or with the error of
  // the attempt.
  void flush(std::function<void(const std::string& error)> done);
  // The kept end of an ended session's scrollback; empty when there is none. Blocks: for a worker.
  static Bytes load_scrollback(const std::string& folder, const std::string& id);

  void set_limits(std::chrono::milliseconds interval, std::uint64_t scrollback_bytes);
  // Since the start, for metrics.
  struct Counts {
    std::uint64_t attempts = 0;  // each of up to 50 that had changed
    std::uint64_t records = 0;
    std::uint64_t failures = 0;
    std::chrono::steady_clock::duration time{};  // of all attempts
    std::chrono::steady_clock::duration longest{};
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }
  // Records since the start, at this moment: whether a disk is slow or has died.
  [[nodiscard]] std::uint64_t written() const { return *written_; }
  // "ok" or the error of the last attempt.
  [[nodiscard]] const std::string& status() const { return status_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  struct Batch;

  // All that is marked is written in a round of one or more batches, one after the other.
  void begin_batch();
  void on_batch_done(const std::shared_ptr<Batch>& batch);
  void end_round();
  void count(const Batch& batch);
  void update_status(const std::string& error);

  const std::string folder_;
  std::chrono::milliseconds interval_;
  std::uint64_t scrollback_bytes_;
  Callbacks callbacks_;
  std::set<std::string> newer_;
  std::set<std::string> marked_;
  std::set<std::string> failed_;  // in this round, to be marked again
  std::set<std::string> removed_;
  std::string round_error_;  // the first one
  std::vector<std::function<void(const std::string&)>> waiting_;
  bool writing_ = false;
  bool flush_owed_ = false;  // what was asked for after the batch under way had been put together
  std::string status_ = "ok";
  Counts counts_;
  // Of the worker's thread, which is left behind by the end of the daemon if the disk has died.
  std::shared_ptr<std::atomic<std::uint64_t>> written_ =
      std::make_shared<std::atomic<std::uint64_t>>(0);
  Timer coalesce_;
  Timer retry_;
  Worker worker_;  // last: its thread ends before what its jobs report to
};

}  // namespace ptyd
