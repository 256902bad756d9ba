// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "daemon/queue.hpp"
#include "daemon/state_files.hpp"
#include "tests/support/run_loop.hpp"
#include "tests/support/temp_dir.hpp"

namespace ptyd {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kAlice = 1001;
constexpr uid_t kBob = 1002;

std::string id_of(int number) {
  const auto digits = std::to_string(number);
  return std::string(16 - digits.size(), '0') + digits;
}

SessionPtr make_session(int number, uid_t uid = kAlice) {
  auto session = std::make_shared<Session>();
  session->spec.id = id_of(number);
  session->spec.name = "s" + std::to_string(number);
  session->spec.command = {"make", "a 'b'"};
  session->spec.environment = {"SECRET=xyzzy"};
  session->spec.cwd = "/srv";
  session->spec.term = "xterm";
  session->spec.stop_input = "quit\n";
  session->spec.rows = 50;
  session->spec.scrollback = kDefaultScrollback;
  session->spec.stop_timeout_ms = kDefaultStopTimeoutMs;
  session->spec.created_at = to_us(*parse_utc("2026-01-31T23:59:59.123Z"));
  session->size = {session->spec.rows, session->spec.columns};
  session->uid = uid;
  session->user = "alice";
  return session;
}

QueueEntry make_entry() {
  QueueEntry entry;
  entry.session = make_session(1);
  entry.sequence = 7;
  entry.queued_at = from_us(entry.session->spec.created_at);
  return entry;
}

std::optional<QueueEntry> read_again(const Json& record, std::string* problem = nullptr) {
  std::string own;
  return queue_entry_from_record(record, problem != nullptr ? *problem : own);
}

TEST(QueueEntry, IsOnDiskAsItIs) {
  auto entry = make_entry();
  for (const auto state : {QueueState::kPending, QueueState::kProcessing, QueueState::kCompleted,
                           QueueState::kFailed}) {
    entry.state = state;
    entry.reason = state == QueueState::kFailed ? "there is a reason" : "";
    entry.ended_at = is_waiting(state) ? std::nullopt : std::optional(entry.queued_at);
    const auto again = read_again(to_record(entry));
    ASSERT_TRUE(again) << to_string(state);
    EXPECT_EQ(to_record(*again), to_record(entry));
    EXPECT_EQ(encode(again->session->spec), encode(entry.session->spec));
    EXPECT_EQ(again->session->uid, kAlice);
    EXPECT_EQ(parse_queue_state(to_string(state)), state);
  }
  EXPECT_FALSE(parse_queue_state("ended"));
}

TEST(QueueEntry, ShowsNoSecrets) {
  const auto shown = to_public_json(make_entry());
  EXPECT_EQ(to_text(shown).find("xyzzy"), std::string::npos);
  EXPECT_EQ(shown["state"], "pending");
}

// Each key that is gone, of another kind or beyond its bounds makes it no entry.
TEST(QueueEntry, IsReadStrictly) {
  const auto good = to_record(make_entry());
  ASSERT_TRUE(read_again(good));
  for (const auto& [key, value] : good.items()) {
    if (key == "endedAt") continue;  // absent is null
    auto record = good;
    record.erase(key);
    EXPECT_FALSE(read_again(record)) << "without " << key;
    record[key] = Json::array({1});
    EXPECT_FALSE(read_again(record)) << "with a list for " << key;
  }
  const std::pair<const char*, Json> kBad[] = {{"/id", "0123456789abcdef"},
                                               {"/state", "ended"},
                                               {"/formatVersion", kStateVersion + 1},
                                               {"/formatVersion", 0},
                                               {"/sequence", -1},
                                               {"/sequence", 1ULL << 60},
                                               {"/sequence", 18446744073709551615ULL},
                                               {"/endedAt", "2026-01-31T23:59:59.123Z"},
                                               {"/reason", std::string(5000, 'x')},
                                               {"/queuedAt", "yesterday"},
                                               {"/session/id", "../../etc/passwd"},
                                               {"/session/state", "active"},
                                               {"/session/command", Json::array()},
                                               {"/session/command/0", ""},
                                               {"/session/environment/0", "no assignment"},
                                               {"/session/cwd", "relative"},
                                               {"/session/rows", 0},
                                               {"/session/scrollbackBytes", 1},
                                               {"/session/stopTimeoutMs", 0},
                                               {"/session/name", "../x"},
                                               {"/session/uid", -5},
                                               {"/session/term", "a/b"},
                                               {"/session", nullptr}};
  for (const auto& [key, value] : kBad) {
    auto record = good;
    record[Json::json_pointer(key)] = value;
    std::string problem;
    EXPECT_FALSE(read_again(record, &problem)) << key << " " << value;
    EXPECT_FALSE(problem.empty()) << key;
  }
  auto completed = good;
  completed["state"] = "completed";
  EXPECT_FALSE(read_again(completed)) << "it has no end";
}

struct QueueTest : testing::Test {
  std::unique_ptr<Queue> make() {
    return std::make_unique<Queue>(
        loop, folder.path(), config,
        Queue::Callbacks{
            .added = [this](const QueueEntry& entry) { log.push_back("added " + entry.id()); },
            .changed =
                [this](const QueueEntry& entry, bool removed) {
                  log.push_back((removed ? "removed" : to_string(entry.state)) +
                                (" " + entry.id()));
                },
            .status_changed = [this] { ++status_changes; }});
  }
  template <typename T>
  Result<T> wait_for(const std::function<void(Completion<T>)>& begin) {
    std::optional<Result<T>> result;
    begin([&](Result<T> r) { result.emplace(std::move(r)); });
    EXPECT_TRUE(test::run_until(loop, [&] { return result.has_value(); }));
    return result ? std::move(*result) : Result<T>(Error{ErrorCode::kInternal, "no answer"});
  }
  Result<SessionPtr> add(Queue& queue, const SessionPtr& session) {
    return wait_for<SessionPtr>(
        [&](Completion<SessionPtr> done) { queue.add(session, std::move(done)); });
  }
  Status remove(Queue& queue, uid_t uid, const std::string& id) {
    return wait_for<Nothing>([&](Completion<Nothing> done) {
      queue.remove(Caller{uid, "test"}, id, std::move(done));
    });
  }
  std::string flush(Queue& queue) {
    std::optional<std::string> result;
    queue.flush([&](const std::string& error) { result = error; });
    EXPECT_TRUE(test::run_until(loop, [&] { return result.has_value(); }));
    return result.value_or("no answer");
  }
  [[nodiscard]] fs::path file(int number, const char* suffix = ".json") const {
    return folder.path() / "queue" / (id_of(number) + suffix);
  }

  EventLoop loop;
  test::TempDir folder;
  Config config;
  std::vector<std::string> log;
  int status_changes = 0;
};

TEST_F(QueueTest, KeepsItsOrderOverARestart) {
  auto queue = make();
  for (const int number : {5, 3, 9}) ASSERT_TRUE(add(*queue, make_session(number)));
  struct stat status {};
  ASSERT_EQ(::stat(file(5).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat(file(5).parent_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  queue = make();
  EXPECT_TRUE(queue->load().empty());
  ASSERT_TRUE(add(*queue, make_session(1)));
  std::vector<std::string> ids;
  for (const auto* entry : queue->waiting()) ids.push_back(entry->id());
  EXPECT_EQ(ids, (std::vector<std::string>{id_of(5), id_of(3), id_of(9), id_of(1)}));
}

TEST_F(QueueTest, DamagedFilesAreSetAsideAndTheOthersLoad) {
  ASSERT_TRUE(add(*make(), make_session(1)));
  std::ofstream(file(2)) << "{\"id\": \"" << id_of(2) << "\"";
  std::ofstream(file(3)) << "{\"id\": \"" << id_of(3) << "\"}";
  std::ofstream(file(4)) << std::string(2 << 20, '[');
  std::ofstream(file(5)) << std::string(100'000, '[') << std::string(100'000, ']');
  fs::create_symlink("/etc/passwd", file(6));
  std::ofstream(file(7, ".json.tmp")) << "half";
  auto queue = make();
  EXPECT_EQ(queue->load().size(), 5U);
  EXPECT_EQ(queue->waiting_count(), 1U);
  for (const int number : {2, 3, 4, 5, 6}) {
    EXPECT_FALSE(fs::exists(fs::symlink_status(file(number)))) << number;
    EXPECT_TRUE(fs::exists(fs::symlink_status(file(number, ".json.corrupt")))) << number;
  }
  EXPECT_FALSE(fs::exists(file(7, ".json.tmp")));
}

TEST_F(QueueTest, IsBoundedInAllAndOfEachUser) {
  config.limits.queued = 3;
  config.limits.queued_per_user = 2;
  auto queue = make();
  ASSERT_TRUE(add(*queue, make_session(1)));
  ASSERT_TRUE(add(*queue, make_session(2)));
  const auto own = add(*queue, make_session(3));
  ASSERT_FALSE(own);
  EXPECT_EQ(own.error().code, ErrorCode::kLimit);
  EXPECT_NE(own.error().message.find("limits.queued_per_user"), std::string::npos);
  ASSERT_TRUE(add(*queue, make_session(3, kBob)));
  const auto all = add(*queue, make_session(4, 1003));
  ASSERT_FALSE(all);
  EXPECT_NE(all.error().message.find("(limits.queued)"), std::string::npos);
  // What is over makes room.
  queue->set_state(id_of(1), QueueState::kCompleted, {});
  EXPECT_TRUE(add(*queue, make_session(4, 1003)));
}

// A folder in the way of the temporary file fails every write, for root too.
TEST_F(QueueTest, AFirstWriteThatFailsLeavesNothing) {
  auto queue = make();
  fs::create_directory(file(1, ".json.tmp"));
  const auto refused = add(*queue, make_session(1));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("Is a directory"), std::string::npos);
  EXPECT_EQ(queue->waiting_count(), 0U);
  EXPECT_FALSE(queue->has(id_of(1)));
  EXPECT_NE(queue->status(), "ok");
  EXPECT_TRUE(log.empty());
  fs::remove(file(1, ".json.tmp"));
  EXPECT_TRUE(add(*queue, make_session(1)));
  EXPECT_EQ(queue->status(), "ok");
  EXPECT_EQ(status_changes, 2);
}

TEST_F(QueueTest, AChangeThatCannotBeWrittenIsTriedAgain) {
  config.store.interval = std::chrono::milliseconds(20);
  auto queue = make();
  ASSERT_TRUE(add(*queue, make_session(1)));
  fs::create_directory(file(1, ".json.tmp"));
  bool durable = false;
  queue->set_state(id_of(1), QueueState::kProcessing, {}, [&] { durable = true; });
  EXPECT_NE(flush(*queue), "");
  EXPECT_FALSE(durable);
  EXPECT_FALSE(queue->is_settled(id_of(1)));
  fs::remove(file(1, ".json.tmp"));
  EXPECT_TRUE(test::run_until(loop, [&] { return durable; }));
  EXPECT_EQ(flush(*queue), "");
  queue->set_state(id_of(1), QueueState::kCompleted, {});
  EXPECT_FALSE(queue->is_settled(id_of(1))) << "not on disk yet";
  EXPECT_EQ(flush(*queue), "");
  EXPECT_TRUE(queue->is_settled(id_of(1)));
}

TEST_F(QueueTest, OnlyTheOwnerAndRootSeeAndWithdraw) {
  auto queue = make();
  ASSERT_TRUE(add(*queue, make_session(1)));
  ASSERT_TRUE(add(*queue, make_session(2)));
  EXPECT_TRUE(queue->visible_to({kBob, "bob"}).empty());
  EXPECT_EQ(queue->visible_to({kAlice, "alice"}).size(), 2U);
  EXPECT_EQ(queue->visible_to({0, "root"}).size(), 2U);
  const auto others = remove(*queue, kBob, id_of(1));
  const auto absent = remove(*queue, kAlice, id_of(7));
  ASSERT_FALSE(others);
  ASSERT_FALSE(absent);
  EXPECT_EQ(others.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(absent.error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(remove(*queue, kAlice, id_of(1)));
  EXPECT_FALSE(fs::exists(file(1)));
  EXPECT_TRUE(remove(*queue, 0, id_of(2)));
  EXPECT_EQ(queue->waiting_count(), 0U);
}

TEST_F(QueueTest, KeepsTheLastOfThoseThatAreOver) {
  config.limits.queued_per_user = 1000;
  auto queue = make();
  constexpr int kCount = Queue::kKeptOfUser + 3;
  for (int number = 1; number <= kCount; ++number) {
    ASSERT_TRUE(add(*queue, make_session(number)));
    queue->set_state(id_of(number), QueueState::kCompleted, {});
  }
  EXPECT_TRUE(test::run_until(loop, [&] {
    return queue->visible_to({0, "root"}).size() == Queue::kKeptOfUser;
  }));
  EXPECT_EQ(flush(*queue), "");
  EXPECT_FALSE(fs::exists(file(1)));
  EXPECT_TRUE(fs::exists(file(kCount)));
  EXPECT_EQ(log.back(), "removed " + id_of(3));
}

TEST_F(QueueTest, ForgetsWhatIsLongOver) {
  auto entry = make_entry();
  entry.state = QueueState::kFailed;
  entry.ended_at = std::chrono::system_clock::now() - Queue::kKeptFor - std::chrono::hours(1);
  auto queue = make();
  std::ofstream(file(1)) << to_record(entry).dump();
  EXPECT_TRUE(queue->load().empty());
  EXPECT_EQ(flush(*queue), "");
  EXPECT_FALSE(fs::exists(file(1)));
}

}  // namespace
}  // namespace ptyd
