// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "common/scrollback/scrollback.hpp"
#include "daemon/store.hpp"
#include "tests/support/run_loop.hpp"
#include "tests/support/temp_dir.hpp"

namespace ptyd {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr char kId[] = "0123456789abcdef";

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A store on a folder of its own whose sessions are what the test puts into `states`.
struct StoreTest : testing::Test {
  std::unique_ptr<Store> make(milliseconds interval = milliseconds(100)) {
    return std::make_unique<Store>(
        loop, folder.path(), interval, 1 << 20,
        Store::Callbacks{
            .snapshot = [this](const std::string& id) -> std::optional<Store::Snapshot> {
              const auto it = states.find(id);
              if (it == states.end()) return std::nullopt;
              return it->second;
            },
            .saved = [this](const std::string& id, std::uint64_t generation,
                            bool) { saved[id] = generation; },
            .status_changed = [this] { ++status_changes; }});
  }
  // What a flush reports.
  std::string flush(Store& store) {
    std::optional<std::string> result;
    store.flush([&](const std::string& error) { result = error; });
    EXPECT_TRUE(test::run_until(loop, [&] { return result.has_value(); }));
    return result.value_or("no answer");
  }
  [[nodiscard]] fs::path file(const std::string& suffix) const {
    return fs::path(folder.path()) / "sessions" / (kId + suffix);
  }

  EventLoop loop;
  test::TempDir folder;
  std::map<std::string, Store::Snapshot> states;
  std::map<std::string, std::uint64_t> saved;
  int status_changes = 0;
};

TEST_F(StoreTest, WritesAndLoads) {
  auto store = make();
  states[kId] = {{{"id", kId}, {"state", "active"}}, 3, nullptr};
  store->mark(kId);
  EXPECT_EQ(flush(*store), "");
  EXPECT_EQ(saved[kId], 3U);
  EXPECT_EQ(Json::parse(read(file(".json"))), states[kId].record);
  struct stat status {};
  ASSERT_EQ(::stat(file(".json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const auto loaded = make()->load();
  ASSERT_EQ(loaded.records.size(), 1U);
  EXPECT_EQ(loaded.records.front(), states[kId].record);
  EXPECT_TRUE(loaded.problems.empty());
}

TEST_F(StoreTest, WritesByItselfAfterAChange) {
  auto store = make();
  states[kId] = {{{"id", kId}}, 1, nullptr};
  store->mark(kId);
  EXPECT_TRUE(test::run_until(loop, [&] { return saved.count(kId) != 0; }));
  EXPECT_TRUE(fs::exists(file(".json")));
}

TEST_F(StoreTest, KeepsTheEndOfTheScrollback) {
  auto store = make();
  std::error_code error;
  auto scrollback = Scrollback::create(64 * 1024, error);
  ASSERT_TRUE(scrollback);
  const std::string text = "the last words\n";
  std::copy(text.begin(), text.end(), scrollback->write_area().begin());
  scrollback->commit(text.size());
  auto reader = ScrollbackReader::open(UniqueFd(::dup(scrollback->fd())), error);
  ASSERT_TRUE(reader) << error;
  states[kId] = {{{"id", kId}}, 1, std::make_shared<ScrollbackReader>(std::move(*reader))};
  store->mark(kId);
  EXPECT_EQ(flush(*store), "");
  EXPECT_EQ(read(file(".scrollback")), text);
  EXPECT_EQ(as_text(Store::load_scrollback(store->folder(), kId)), text);
}

TEST_F(StoreTest, RemovesBothFiles) {
  auto store = make();
  states[kId] = {{{"id", kId}}, 1, nullptr};
  store->mark(kId);
  EXPECT_EQ(flush(*store), "");
  std::ofstream(file(".scrollback")) << "x";
  states.clear();
  store->remove(kId);
  EXPECT_EQ(flush(*store), "");
  EXPECT_FALSE(fs::exists(file(".json")));
  EXPECT_FALSE(fs::exists(file(".scrollback")));
}

TEST_F(StoreTest, DamagedFilesAreSetAsideAndTheOthersLoad) {
  auto store = make();
  states[kId] = {{{"id", kId}}, 1, nullptr};
  store->mark(kId);
  EXPECT_EQ(flush(*store), "");
  const auto sessions = fs::path(folder.path()) / "sessions";
  std::ofstream(sessions / "00000000000000aa.json") << "{\"id\": \"00000000000000aa\"";
  std::ofstream(sessions / "00000000000000ab.json") << "{\"id\": \"00000000000000ff\"}";
  std::ofstream(sessions / "00000000000000ac.json") << std::string(2 << 20, 'x');
  fs::create_symlink("/etc/passwd", sessions / "00000000000000ad.json");
  ASSERT_EQ(::mkfifo((sessions / "00000000000000ae.json").c_str(), 0600), 0);
  std::ofstream(sessions / (std::string(kId) + ".json.tmp")) << "half";
  const auto loaded = store->load();
  EXPECT_EQ(loaded.records.size(), 1U);
  EXPECT_EQ(loaded.problems.size(), 5U);
  for (const char* id : {"aa", "ab", "ac", "ad", "ae"}) {
    const auto name = std::string("00000000000000") + id + ".json";
    EXPECT_FALSE(fs::exists(fs::symlink_status(sessions / name))) << name;
    EXPECT_TRUE(fs::exists(fs::symlink_status(sessions / (name + ".corrupt")))) << name;
  }
  EXPECT_FALSE(fs::exists(sessions / (std::string(kId) + ".json.tmp")));
}

// A folder in the way of the temporary file fails every write, for root too.
TEST_F(StoreTest, AFailedWriteIsReportedOnceAndRetried) {
  auto store = make();
  const auto obstacle = file(".json.tmp");
  fs::create_directory(obstacle);
  states[kId] = {{{"id", kId}}, 1, nullptr};
  store->mark(kId);
  const auto error = flush(*store);
  EXPECT_NE(error.find("cannot create " + obstacle.string() + ": Is a directory"),
            std::string::npos)
      << error;
  EXPECT_EQ(store->status(), error);
  EXPECT_EQ(status_changes, 1);
  EXPECT_EQ(flush(*store), error);
  EXPECT_EQ(status_changes, 1);
  fs::remove(obstacle);
  EXPECT_TRUE(test::run_until(loop, [&] { return saved.count(kId) != 0; }));
  EXPECT_EQ(store->status(), "ok");
  EXPECT_EQ(status_changes, 2);
  EXPECT_EQ(Json::parse(read(file(".json"))), states[kId].record);
}

// More than are written at a time, and one of the first that fails does not hold up the others.
TEST_F(StoreTest, AFlushWritesAllThatIsMarked) {
  constexpr int kCount = 1000;
  auto store = make(std::chrono::hours(1));
  const auto id_of = [](int number) { return std::to_string(1'000'000'000'000'000 + number); };
  for (int i = 0; i < kCount; ++i) {
    states[id_of(i)] = {{{"id", id_of(i)}}, 1, nullptr};
    store->mark(id_of(i));
  }
  const auto obstacle = fs::path(folder.path()) / "sessions" / (id_of(7) + ".json.tmp");
  fs::create_directory(obstacle);
  EXPECT_NE(flush(*store).find("cannot create " + obstacle.string()), std::string::npos);
  EXPECT_EQ(saved.size(), kCount - 1U);
  EXPECT_EQ(saved.count(id_of(7)), 0U);
  fs::remove(obstacle);
  EXPECT_EQ(flush(*store), "");
  EXPECT_EQ(saved.size(), std::size_t{kCount});
  EXPECT_EQ(store->status(), "ok");
}

TEST_F(StoreTest, WhatChangesWhileItIsWrittenIsWrittenAgain) {
  auto store = make();
  states[kId] = {{{"id", kId}, {"n", 1}}, 1, nullptr};
  store->mark(kId);
  std::optional<std::string> first;
  store->flush([&](const std::string& error) { first = error; });
  states[kId] = {{{"id", kId}, {"n", 2}}, 2, nullptr};
  store->mark(kId);
  ASSERT_TRUE(test::run_until(loop, [&] { return first.has_value(); }));
  EXPECT_EQ(saved[kId], 2U);
  EXPECT_EQ(Json::parse(read(file(".json")))["n"], 2);
}

TEST_F(StoreTest, AFolderThatCannotBeHadIsAnErrorAtTheStart) {
  std::ofstream(fs::path(folder.path()) / "sessions") << "a file";
  EXPECT_THROW(make(), std::system_error);
}

}  // namespace
}  // namespace ptyd
