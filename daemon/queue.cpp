// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/queue.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "common/service/log.hpp"
#include "common/text.hpp"
#include "daemon/state_files.hpp"

namespace ptyd {
namespace {

// An entry holds one session's record, see Store.
constexpr std::size_t kMaxEntrySize = 1024 * 1024;
// How often entries that are over are looked through for old ones.
constexpr std::chrono::minutes kTidyInterval{10};

Error full(std::uint64_t count, const char* whose, const char* key) {
  return {ErrorCode::kLimit, std::string("the queue is full: ") + whose + std::to_string(count) +
                                 " requests wait, the most allowed (" + key + ")"};
}

// On the worker's thread. A first write that fails leaves nothing.
std::string write_entry(const std::string& folder, const std::string& path, const std::string& text,
                        bool first) {
  auto problem = replace_file(path, as_bytes(text));
  if (problem.empty()) {
    problem = sync_folder(folder);
    if (!problem.empty() && first) ::unlink(path.c_str());
  }
  return problem;
}

std::string remove_entry(const std::string& folder, const std::string& path) {
  if (::unlink(path.c_str()) < 0 && errno != ENOENT)
    return system_error_text("cannot remove " + path, errno);
  return sync_folder(folder);
}

}  // namespace

Queue::Queue(EventLoop& loop, const std::string& state_dir, const Config& config,
             Callbacks callbacks)
    : folder_(state_dir + "/queue"),
      config_(config),
      callbacks_(std::move(callbacks)),
      retry_(loop, [this] { retry(); }),
      tidy_(loop,
            [this] {
              forget_old();
              tidy_.start(kTidyInterval);
            }),
      worker_(loop) {
  make_state_folder(folder_);
  tidy_.start(kTidyInterval);
}

std::vector<std::string> Queue::load() {
  auto loaded = load_records(folder_, kMaxEntrySize);
  for (const auto& record : loaded.records) {
    std::string problem;
    auto entry = queue_entry_from_record(record, problem);
    if (!entry) {
      const auto id = record.value("id", "");
      auto line = path_of(id);
      line.append(": ").append(problem).append("; ");
      loaded.problems.push_back(line.append(set_record_aside(folder_, id)));
      continue;
    }
    last_sequence_ = std::max(last_sequence_, entry->sequence);
    items_.emplace_back().entry = std::move(*entry);
    items_.back().listed = true;
  }
  items_.sort([](const Item& a, const Item& b) {
    return std::pair(a.entry.sequence, a.entry.id()) < std::pair(b.entry.sequence, b.entry.id());
  });
  left_alone_ = std::move(loaded.newer);
  left_alone_.merge(loaded.unreadable);
  forget_old();
  return std::move(loaded.problems);
}

void Queue::configure(const Config& config) { config_ = config; }

const Queue::Item* Queue::item_of(const std::string& id) const {
  const auto it = std::find_if(items_.begin(), items_.end(),
                               [&](const Item& item) { return item.entry.id() == id; });
  return it == items_.end() ? nullptr : &*it;
}

Queue::Item* Queue::item_of(const std::string& id) {
  return const_cast<Item*>(std::as_const(*this).item_of(id));
}

std::string Queue::path_of(const std::string& id) const {
  return folder_ + "/" + id + kRecordSuffix;
}

// ---- adding and withdrawing ----

// Entries that are not on disk yet count, so that no burst is larger than the limits.
Status Queue::may_add(const Session& session) const {
  std::uint64_t total = 0;
  std::uint64_t own = 0;
  for (const auto& item : items_) {
    if (!item.entry.waiting()) continue;
    ++total;
    if (item.entry.uid() == session.uid) ++own;
  }
  if (total >= config_.limits.queued) return full(config_.limits.queued, "", "limits.queued");
  if (session.uid != 0 && own >= config_.limits.queued_per_user)
    return full(config_.limits.queued_per_user, "of yours ", "limits.queued_per_user");
  if (name_in_use(session.uid, session.name()))
    return Error{ErrorCode::kExists,
                 "a session '" + session.name() + "' of yours is queued already"};
  return ok();
}

void Queue::add(const SessionPtr& session, Completion<SessionPtr> done) {
  if (auto good = may_add(*session); !good) return done(good.error());
  session->waits = true;
  auto& item = items_.emplace_back();
  item.entry.session = session;
  item.entry.sequence = ++last_sequence_;
  item.entry.queued_at = from_us(session->spec.created_at);
  item.added = std::move(done);
  write(item);
}

void Queue::remove(const Caller& caller, const std::string& id, Completion<Nothing> done) {
  auto* item = item_of(id);
  if (item == nullptr || !item->listed || !may_use(caller, item->entry.uid()))
    return done(Error{ErrorCode::kNotFound, "no queued request '" + printable(id) + "'"});
  if (item->entry.state != QueueState::kPending)
    return done(Error{ErrorCode::kBadRequest, std::string("it cannot be withdrawn, it is ") +
                                                  to_string(item->entry.state) + " already"});
  item->listed = false;  // from here on nobody starts it
  ++jobs_;
  auto error = std::make_shared<std::string>();
  worker_.post(
      [error, folder = folder_, path = path_of(id)] { *error = remove_entry(folder, path); },
      [this, error, id, done = std::move(done)] { on_removed(id, *error, done); });
}

void Queue::on_removed(const std::string& id, const std::string& error,
                       const Completion<Nothing>& done) {
  --jobs_;
  update_status(error);
  auto* item = item_of(id);
  if (!error.empty()) {
    item->listed = true;  // it is there still, as far as anybody knows
    done(Error{ErrorCode::kInternal, "it cannot be withdrawn: " + error});
  } else {
    const auto entry = item->entry;
    erase(id);
    done(Nothing{});
    callbacks_.changed(entry, true);
  }
  end_flush();
}

void Queue::erase(const std::string& id) {
  items_.remove_if([&](const Item& item) { return item.entry.id() == id; });
}

// ---- writing ----

void Queue::set_state(const std::string& id, QueueState state, const std::string& reason,
                      std::function<void()> durable) {
  auto* item = item_of(id);
  if (item == nullptr) return;
  item->entry.state = state;
  item->entry.reason = reason;
  item->entry.session->waits = state == QueueState::kPending;
  item->entry.ended_at.reset();
  if (!item->entry.waiting()) item->entry.ended_at = std::chrono::system_clock::now();
  if (durable) item->durable.push_back(std::move(durable));
  item->dirty = true;
  if (!item->writing) write(*item);
  callbacks_.changed(item->entry, false);
}

void Queue::write(Item& item) {
  item.writing = true;
  item.dirty = false;
  ++jobs_;
  const auto id = item.entry.id();
  auto text = to_record(item.entry).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  auto error = std::make_shared<std::string>();
  worker_.post([error, folder = folder_, path = path_of(id), text = std::move(text),
                first = bool{item.added}] { *error = write_entry(folder, path, text, first); },
               [this, error, id] { on_written(id, *error); });
}

void Queue::on_written(const std::string& id, const std::string& error) {
  --jobs_;
  update_status(error);
  if (auto* item = item_of(id)) {
    item->writing = false;
    if (item->added) {
      on_first_write(*item, error);
    } else if (!error.empty()) {
      item->dirty = true;
    } else if (item->dirty && item->listed) {
      write(*item);
    } else {
      const auto durable = std::exchange(item->durable, {});
      for (const auto& call : durable) call();
      forget_old();
    }
  }
  end_flush();
}

void Queue::on_first_write(Item& item, const std::string& error) {
  const auto added = std::exchange(item.added, {});
  if (!error.empty()) {
    const auto id = item.entry.id();
    erase(id);
    return added(Error{ErrorCode::kInternal, "the request cannot be queued: " + error});
  }
  item.listed = true;
  const auto entry = item.entry;
  added(entry.session);
  callbacks_.added(entry);
}

void Queue::write_dirty() {
  for (auto& item : items_)
    if (item.dirty && !item.writing && item.listed) write(item);
}

// With nothing left to write, since what could not be was refused, whether the disk is well again
// would never show.
void Queue::retry() {
  write_dirty();
  if (jobs_ != 0 || status_ == "ok") return;
  ++jobs_;
  auto error = std::make_shared<std::string>();
  worker_.post([error, folder = folder_] { *error = try_folder(folder); },
               [this, error] {
                 --jobs_;
                 update_status(*error);
                 end_flush();
               });
}

void Queue::flush(std::function<void(const std::string&)> done) {
  waiting_for_flush_.push_back(std::move(done));
  retry_.stop();
  write_dirty();
  end_flush();
}

void Queue::end_flush() {
  if (jobs_ != 0) return;
  const auto waiting = std::exchange(waiting_for_flush_, {});
  for (const auto& done : waiting) done(status_ == "ok" ? std::string() : status_);
}

// Only what is on disk in its last state: else a crash could bring it back.
void Queue::forget_old() {
  std::map<uid_t, std::size_t> kept;
  const auto oldest = std::chrono::system_clock::now() - kKeptFor;
  for (auto it = items_.rbegin(); it != items_.rend(); ++it) {
    if (it->entry.waiting() || it->dirty || it->writing || !it->listed) continue;
    if (++kept[it->entry.uid()] <= kKeptOfUser && it->entry.ended_at > oldest) continue;
    const auto id = it->entry.id();
    it->listed = false;
    ++jobs_;
    auto error = std::make_shared<std::string>();
    worker_.post(
        [error, folder = folder_, path = path_of(id)] { *error = remove_entry(folder, path); },
        [this, error, id] { on_removed(id, *error, [](const Result<Nothing>&) {}); });
  }
}

void Queue::update_status(const std::string& error) {
  if (!error.empty()) retry_.start(config_.store.interval);
  const auto status = error.empty() ? "ok" : error;
  if (status == status_) return;
  // Once an episode, not once an attempt.
  if (status_ == "ok")
    log::error("The queue cannot be saved: " + error, {}, log::Event::kStoreFailed);
  else if (error.empty())
    log::info("The queue can be saved again", {}, log::Event::kStoreRecovered);
  status_ = status;
  callbacks_.status_changed();
}

// ---- looking ----

bool Queue::is_settled(const std::string& id) const {
  if (left_alone_.count(id) != 0) return false;
  const auto* item = item_of(id);
  return item == nullptr || (!item->entry.waiting() && !item->dirty && !item->writing);
}

std::vector<const QueueEntry*> Queue::visible_to(const Caller& caller) const {
  std::vector<const QueueEntry*> entries;
  for (const auto& item : items_)
    if (item.listed && may_use(caller, item.entry.uid())) entries.push_back(&item.entry);
  return entries;
}

std::vector<const QueueEntry*> Queue::waiting() const {
  std::vector<const QueueEntry*> entries;
  for (const auto& item : items_)
    if (item.listed && item.entry.waiting()) entries.push_back(&item.entry);
  return entries;
}

std::size_t Queue::waiting_count() const { return waiting().size(); }

std::size_t Queue::waiting_count(const Caller& caller) const {
  const auto entries = visible_to(caller);
  return static_cast<std::size_t>(
      std::count_if(entries.begin(), entries.end(), [](const auto* e) { return e->waiting(); }));
}

const QueueEntry* Queue::find(const std::string& id) const {
  const auto* item = item_of(id);
  return item != nullptr && item->listed ? &item->entry : nullptr;
}

bool Queue::name_in_use(uid_t uid, const std::string& name) const {
  return std::any_of(items_.begin(), items_.end(), [&](const Item& item) {
    return item.entry.waiting() && item.entry.uid() == uid && item.entry.session->name() == name;
  });
}

}  // namespace ptyd
