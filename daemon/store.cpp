// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/store.hpp"

#include <unistd.h>

#include <cerrno>

#include "common/service/log.hpp"
#include "common/text.hpp"
#include "daemon/state_files.hpp"

namespace ptyd {
namespace {

constexpr char kScrollbackSuffix[] = ".scrollback";
// A record is some kilobytes: its command line is bounded by one frame (kMaxFramePayload), which
// JSON escapes can make six times as long.
constexpr std::size_t kMaxRecordSize = 1024 * 1024;
// The loop takes the snapshots, some hundred microseconds each on a
// busy machine.
constexpr std::size_t kMaxBatch = 50;

}  // namespace

// What one turn of the worker writes. Owned by the loop and the job together.
struct Store::Batch {
  struct Item {
    std::string id;
    Snapshot snapshot;
    bool leave_alone = false;
    std::string error;
  };
  std::string folder;
  std::uint64_t scrollback_bytes = 0;
  std::shared_ptr<std::atomic<std::uint64_t>> written;
  std::vector<Item> items;
  std::vector<std::string> removed;
  std::vector<std::string> not_removed;
  bool is_last = false;  // nothing else was marked
  std::string error;     // the first one
  Clock::time_point begun = Clock::now();

  void write() {
    for (const auto& id : removed) remove_files(id);
    for (auto& item : items)
      if (!item.leave_alone) item.error = write_item(item);
    if (auto problem = sync_folder(folder); !problem.empty())
      for (auto& item : items) item.error = problem;
    for (const auto& item : items)
      if (error.empty()) error = item.error;
  }

  void remove_files(const std::string& id) {
    for (const char* suffix : {kRecordSuffix, kScrollbackSuffix}) {
      const auto path = folder + "/" + id + suffix;
      if (::unlink(path.c_str()) == 0 || errno == ENOENT) continue;
      if (error.empty()) error = system_error_text("cannot remove " + path, errno);
      not_removed.push_back(id);
      return;
    }
  }

  std::string write_item(const Item& item) const {
    const auto base = folder + "/" + item.id;
    // The scrollback first: a record that says "stopped" has all that belongs to it.
    if (item.snapshot.scrollback && scrollback_bytes > 0) {
      const auto tail = item.snapshot.scrollback->tail(scrollback_bytes);
      // None is as good as an empty one, and costs no sync.
      if (!tail.bytes.empty())
        if (auto problem = replace_file(base + kScrollbackSuffix, tail.bytes); !problem.empty())
          return problem;
    }
    const auto text = item.snapshot.record.dump(2, ' ', false, Json::error_handler_t::replace);
    auto problem = replace_file(base + kRecordSuffix, as_bytes(text + "\n"));
    if (problem.empty()) ++*written;
    return problem;
  }
};

Store::Store(EventLoop& loop, const std::string& state_dir, std::chrono::milliseconds interval,
             std::uint64_t scrollback_bytes, Callbacks callbacks)
    : folder_(state_dir + "/sessions"),
      interval_(interval),
      scrollback_bytes_(scrollback_bytes),
      callbacks_(std::move(callbacks)),
      coalesce_(loop, [this] { begin_batch(); }),
      retry_(loop, [this] { begin_batch(); }),
      worker_(loop) {
  make_state_folder(folder_);
}

Store::Loaded Store::load() {
  auto loaded = load_records(folder_, kMaxRecordSize);
  newer_ = loaded.newer;
  return loaded;
}

std::string Store::set_aside(const std::string& id) { return set_record_aside(folder_, id); }

void Store::mark(const std::string& id) {
  marked_.insert(id);
  // While the disk fails, the next attempt is the retry's.
  if (!writing_ && !coalesce_.active() && !retry_.active()) coalesce_.start(kCoalesce);
}

void Store::mark_urgently(const std::string& id) {
  marked_.insert(id);
  if (!writing_ && !retry_.active()) begin_batch();
}

void Store::remove(const std::string& id) {
  marked_.erase(id);
  failed_.erase(id);
  removed_.insert(id);
  if (!writing_ && !coalesce_.active()) coalesce_.start(kCoalesce);
}

void Store::flush(std::function<void(const std::string&)> done) {
  waiting_.push_back(std::move(done));
  flush_owed_ = writing_;
  if (!writing_) begin_batch();
}

void Store::begin_batch() {
  if (writing_) return;
  coalesce_.stop();
  retry_.stop();
  auto batch = std::make_shared<Batch>();
  batch->folder = folder_;
  batch->written = written_;
  batch->scrollback_bytes = scrollback_bytes_;
  for (const auto& id : removed_)
    if (!leaves_alone(id)) batch->removed.push_back(id);
  removed_.clear();
  for (auto id = marked_.begin(); id != marked_.end() && batch->items.size() < kMaxBatch;
       id = marked_.erase(id))
    if (auto snapshot = callbacks_.snapshot(*id))
      batch->items.push_back({*id, std::move(*snapshot), leaves_alone(*id), {}});
  batch->is_last = marked_.empty();
  flush_owed_ = false;
  writing_ = true;
  worker_.post([batch] { batch->write(); }, [this, batch] { on_batch_done(batch); });
}

void Store::on_batch_done(const std::shared_ptr<Batch>& batch) {
  writing_ = false;
  count(*batch);
  for (const auto& item : batch->items) {
    if (!item.error.empty()) {
      failed_.insert(item.id);
      continue;
    }
    callbacks_.saved(item.id, item.snapshot.generation, item.snapshot.scrollback != nullptr);
  }
  removed_.insert(batch->not_removed.begin(), batch->not_removed.end());
  if (!batch->error.empty()) update_status(batch->error);
  if (round_error_.empty()) round_error_ = batch->error;
  if (!batch->is_last) return begin_batch();
  end_round();
}

void Store::end_round() {
  const auto error = std::exchange(round_error_, {});
  marked_.merge(failed_);
  failed_.clear();
  update_status(error);
  if (flush_owed_) return begin_batch();
  if (!error.empty()) {
    retry_.start(interval_);
  } else if (!marked_.empty() || !removed_.empty()) {
    // Changed while they were being written.
    if (!waiting_.empty()) return begin_batch();
    coalesce_.start(kCoalesce);
    return;
  }
  const auto waiting = std::exchange(waiting_, {});
  for (const auto& done : waiting) done(error);
}

void Store::count(const Batch& batch) {
  const auto took = Clock::now() - batch.begun;
  ++counts_.attempts;
  if (!batch.error.empty()) ++counts_.failures;
  for (const auto& item : batch.items)
    if (item.error.empty()) ++counts_.records;
  counts_.time += took;
  counts_.longest = std::max(counts_.longest, took);
}

void Store::update_status(const std::string& error) {
  const auto status = error.empty() ? "ok" : error;
  if (status == status_) return;
  // Once an episode, not once an attempt.
  if (status_ == "ok")
    log::error(
        "State cannot be saved: " + error + "; trying again every " + format_duration(interval_),
        {}, log::Event::kStoreFailed);
  else if (error.empty())
    log::info("State can be saved again", {}, log::Event::kStoreRecovered);
  status_ = status;
  callbacks_.status_changed();
}

Bytes Store::load_scrollback(const std::string& folder, const std::string& id) {
  int error = 0;
  return read_file(folder + "/" + id + kScrollbackSuffix, kMaxScrollback, error).value_or(Bytes());
}

void Store::set_limits(std::chrono::milliseconds interval, std::uint64_t scrollback_bytes) {
  interval_ = interval;
  scrollback_bytes_ = scrollback_bytes;
}

}  // namespace ptyd
