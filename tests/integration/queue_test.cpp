// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/lines.hpp"

namespace ptyd::test {
namespace {

namespace fs = std::filesystem;

constexpr ExitResult kSuccess{EndKind::kExited, 0};

void drain(ProtocolClient& client) {
  EXPECT_TRUE(client.request("drain", {{"graceMs", 600'000}}).result.is_object());
}

// A session that appends its name to a file, and asks for nothing more.
Json noting(const Daemon& daemon, const std::string& name) {
  return {{"name", name},
          {"command", {"sh", "-c", "echo " + name + " >> " + daemon.folder() / "ran"}},
          {"queue", true}};
}

Answer enqueue(const Daemon& daemon, ProtocolClient& client, const std::string& name) {
  return client.request("create", noting(daemon, name));
}

// Who has run, in the order of the alphabet.
std::vector<std::string> ran(const Daemon& daemon) {
  auto lines = lines_of(read_file(daemon.folder() / "ran"));
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<Json> queued(ProtocolClient& client) {
  std::vector<Json> entries;
  for (const auto& item : client.request("queue").items) entries.push_back(item.json["item"]);
  return entries;
}

std::vector<std::string> states(ProtocolClient& client) {
  std::vector<std::string> states;
  for (const auto& entry : queued(client)) states.push_back(entry.value("state", ""));
  return states;
}

bool all_over(ProtocolClient& client) {
  const auto answer = client.request("queue");
  return answer.answered &&
         std::all_of(answer.items.begin(), answer.items.end(), [](const Message& item) {
           const auto state = item.json["item"].value("state", "");
           return state == "completed" || state == "failed";
         });
}

// Everything that was started has ended, too.
bool all_quiet(ProtocolClient& client) {
  if (!all_over(client)) return false;
  const auto answer = client.request("list");
  return std::all_of(answer.items.begin(), answer.items.end(), [](const Message& item) {
    const auto state = item.json["item"].value("state", "");
    return state == "stopped" || state == "error";
  });
}

TEST(Queue, TakesRequestsDuringADrainAndStartsThemInOrderWhenItIsCancelled) {
  Daemon daemon;
  auto client = daemon.connect();
  drain(client);
  EXPECT_EQ(client.request("create", {{"name", "refused"}}).code(), "draining");
  std::vector<std::string> ids;
  for (const char* name : {"one", "two", "three", "four", "five", "six"}) {
    const auto answer = enqueue(daemon, client, name);
    ASSERT_TRUE(answer.result.is_object()) << answer.error;
    EXPECT_EQ(answer.result.value("state", ""), "queued");
    EXPECT_EQ(answer.result.value("name", ""), name);
    ids.push_back(answer.result.value("id", ""));
    const auto file = daemon.state_dir() + "/queue/" + ids.back() + ".json";
    EXPECT_EQ(Json::parse(read_file(file), nullptr, false).value("state", ""), "pending")
        << "acknowledged before it was on disk";
    struct stat status {};
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
  }
  const auto entries = queued(client);
  ASSERT_EQ(entries.size(), 6U);
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(entries[i].value("id", ""), ids[i]);
  EXPECT_EQ(client.request("health").result.value("queued", 0), 6);
  EXPECT_TRUE(ran(daemon).empty());
  EXPECT_EQ(client.request("status", {{"session", "one"}}).code(), "not-found");

  ASSERT_TRUE(client.request("cancel-drain").result.is_object());
  ASSERT_TRUE(eventually([&] { return all_quiet(client); }));
  EXPECT_EQ(ran(daemon), (std::vector<std::string>{"five", "four", "one", "six", "three", "two"}));
  EXPECT_EQ(states(client), std::vector<std::string>(6, "completed"));
  EXPECT_EQ(client.request("health").result.value("queued", 9), 0);
  for (const auto& id : ids)
    EXPECT_EQ(client.request("status", {{"session", id}}).result.value("endedBy", ""), "exited");
  const auto log = daemon.log().text();
  std::size_t at = 0;
  for (const char* name : {"one", "two", "three", "four", "five", "six"}) {
    const auto found = log.find(std::string("Starting queued session ") + name + " of");
    ASSERT_NE(found, std::string::npos) << name;
    EXPECT_GE(found, at) << name << " was started out of its turn";
    at = found;
  }
}

TEST(Queue, TheNextDaemonStartsEachOnce) {
  Daemon daemon;
  auto client = daemon.connect();
  drain(client);
  for (const char* name : {"a", "b", "c"})
    ASSERT_TRUE(enqueue(daemon, client, name).result.is_object());
  EXPECT_EQ(daemon.terminate(), kSuccess);
  for (int i = 0; i < 2; ++i) {
    daemon.start();
    auto later = daemon.connect();
    ASSERT_TRUE(eventually([&] { return all_quiet(later); }));
    EXPECT_EQ(states(later), std::vector<std::string>(3, "completed"));
    EXPECT_EQ(ran(daemon), (std::vector<std::string>{"a", "b", "c"}));
    daemon.kill9();
  }
}

// A client that is connected when a stop begins may still have its request queued.
TEST(Queue, TakesRequestsDuringAStop) {
  Daemon daemon;
  auto client = daemon.connect();
  create(client, "stubborn", stubborn_command());
  ASSERT_TRUE(wait_printed(client, "stubborn", "armed"));
  ASSERT_TRUE(daemon.signal(SIGTERM));
  ASSERT_TRUE(client.next_event("server.shutdown"));
  EXPECT_EQ(client.request("create", {{"name", "refused"}}).code(), "shutting-down");
  ASSERT_TRUE(enqueue(daemon, client, "late").result.is_object());
  EXPECT_EQ(daemon.wait_exit(), kSuccess);
  EXPECT_TRUE(ran(daemon).empty());
  daemon.start();
  auto later = daemon.connect();
  ASSERT_TRUE(eventually([&] { return all_quiet(later); }));
  EXPECT_EQ(ran(daemon), (std::vector<std::string>{"late"}));
}

TEST(Queue, OnlyWhatIsPendingCanBeWithdrawn) {
  Daemon daemon;
  auto client = daemon.connect();
  drain(client);
  const auto first = enqueue(daemon, client, "first").result.value("id", "");
  ASSERT_TRUE(enqueue(daemon, client, "second").result.is_object());
  EXPECT_EQ(client.request("queue.remove").code(), "bad-request");
  EXPECT_EQ(client.request("queue.remove", {{"id", "0123456789abcdef"}}).code(), "not-found");
  EXPECT_TRUE(client.request("queue.remove", {{"id", first}}).result.is_object());
  EXPECT_FALSE(fs::exists(daemon.state_dir() + "/queue/" + first + ".json"));
  EXPECT_EQ(client.request("queue.remove", {{"id", first}}).code(), "not-found");
  EXPECT_EQ(queued(client).size(), 1U);
  ASSERT_TRUE(client.request("cancel-drain").result.is_object());
  ASSERT_TRUE(eventually([&] { return all_quiet(client); }));
  EXPECT_EQ(ran(daemon), (std::vector<std::string>{"second"}));
  const auto second = queued(client).front().value("id", "");
  EXPECT_EQ(client.request("queue.remove", {{"id", second}}).code(), "bad-request");
}

TEST(Queue, SaysWhenItIsFullAndWhichLimitThatIs) {
  Daemon daemon({.config = "limits:\n  queued: 2\n"});
  auto client = daemon.connect();
  drain(client);
  // All at once: what is not on disk yet counts, too.
  std::vector<std::int64_t> requests;
  for (const char* name : {"a", "b", "c"})
    requests.push_back(client.begin_request("create", noting(daemon, name)));
  EXPECT_TRUE(client.wait_answer(requests[0]).result.is_object());
  EXPECT_TRUE(client.wait_answer(requests[1]).result.is_object());
  const auto refused = client.wait_answer(requests[2]);
  EXPECT_EQ(refused.code(), "limit");
  EXPECT_NE(refused.error.value("message", "").find("limits.queued"), std::string::npos);
  EXPECT_EQ(queued(client).size(), 2U);
}

TEST(Queue, TheConfigurationDecidesWhatIsQueued) {
  {
    Daemon daemon({.config = "drain:\n  queue: never\n"});
    auto client = daemon.connect();
    drain(client);
    const auto refused = enqueue(daemon, client, "a");
    EXPECT_EQ(refused.code(), "draining");
    EXPECT_NE(refused.error.value("message", "").find("drain.queue"), std::string::npos);
  }
  Daemon daemon({.config = "drain:\n  queue: always\n"});
  auto client = daemon.connect();
  drain(client);
  EXPECT_EQ(client.request("create", {{"name", "a"}}).result.value("state", ""), "queued");
}

TEST(Queue, ANameIsTakenByWhoIsQueuedAndByWhoLives) {
  Daemon daemon;
  auto client = daemon.connect();
  create_shell(client, "shell");
  drain(client);
  ASSERT_TRUE(enqueue(daemon, client, "shell").result.is_object()) << "it may end in the drain";
  EXPECT_EQ(enqueue(daemon, client, "shell").code(), "exists");
  const Json unnamed{{"command", {"true"}}, {"queue", true}};
  EXPECT_EQ(client.request("create", unnamed).result.value("name", ""), "true");
  EXPECT_EQ(client.request("create", unnamed).result.value("name", ""), "true-2");
  ASSERT_TRUE(client.request("cancel-drain").result.is_object());
  ASSERT_TRUE(eventually([&] { return all_over(client); }));
  const auto entry = queued(client).front();
  EXPECT_EQ(entry.value("state", ""), "failed");
  EXPECT_EQ(entry.value("reason", ""), "there is a session 'shell' already");
  EXPECT_TRUE(ran(daemon).empty());
}

TEST(Queue, AStartThatFailsSaysWhy) {
  Daemon daemon;
  auto client = daemon.connect();
  drain(client);
  const auto id =
      client.request("create", {{"command", {"/nonexistent"}}, {"name", "bad"}, {"queue", true}})
          .result.value("id", "");
  ASSERT_TRUE(client.request("cancel-drain").result.is_object());
  ASSERT_TRUE(eventually([&] { return all_over(client); }));
  const auto entry = queued(client).front();
  EXPECT_EQ(entry.value("state", ""), "failed");
  EXPECT_NE(entry.value("reason", "").find("cannot run /nonexistent"), std::string::npos) << entry;
  const auto file = daemon.state_dir() + "/queue/" + id + ".json";
  ASSERT_TRUE(eventually([&] {
    const auto on_disk = Json::parse(read_file(file), nullptr, false);
    return on_disk.is_object() && on_disk.value("state", "") == "failed";
  }));
  daemon.kill9();
  daemon.start();
  auto later = daemon.connect();
  EXPECT_EQ(states(later), std::vector<std::string>{"failed"});
  EXPECT_EQ(later.request("status", {{"session", id}}).code(), "not-found");
}

// What cannot be written is not acknowledged, and nothing is left of it.
TEST(Queue, ADiskThatFailsRefusesTheRequestAndDelaysTheStart) {
  Daemon daemon({.config = "store:\n  interval: 100ms\n"});
  auto client = daemon.connect();
  drain(client);
  const auto folder = daemon.state_dir() + "/queue";
  const auto away = daemon.state_dir() + "/away";
  fs::rename(folder, away);
  const auto refused = enqueue(daemon, client, "lost");
  EXPECT_EQ(refused.code(), "internal");
  EXPECT_NE(refused.error.value("message", "").find("cannot create " + folder), std::string::npos);
  EXPECT_TRUE(queued(client).empty());
  EXPECT_EQ(client.request("health").result.value("status", ""), "degraded");
  fs::rename(away, folder);
  ASSERT_TRUE(enqueue(daemon, client, "kept").result.is_object());
  EXPECT_EQ(client.request("health").result.value("status", ""), "ok");

  fs::rename(folder, away);
  ASSERT_TRUE(client.request("cancel-drain").result.is_object());
  ASSERT_TRUE(
      daemon.wait_for_log("The queue cannot be saved: .*[\\s\\S]*The queue cannot be saved"));
  EXPECT_TRUE(ran(daemon).empty()) << "started before it was on disk that it is";
  fs::rename(away, folder);
  ASSERT_TRUE(eventually([&] { return all_quiet(client); }));
  EXPECT_EQ(ran(daemon), (std::vector<std::string>{"kept"}));
}

TEST(Queue, ADamagedEntryIsSetAsideAndTheOthersAreStarted) {
  Daemon daemon;
  auto client = daemon.connect();
  drain(client);
  const auto bad = enqueue(daemon, client, "bad").result.value("id", "");
  ASSERT_TRUE(enqueue(daemon, client, "good").result.is_object());
  daemon.kill9();
  const auto file = daemon.state_dir() + "/queue/" + bad + ".json";
  write_file(file, read_file(file).substr(0, 100));
  daemon.start();
  auto later = daemon.connect();
  ASSERT_TRUE(eventually([&] { return all_quiet(later); }));
  EXPECT_EQ(ran(daemon), (std::vector<std::string>{"good"}));
  EXPECT_TRUE(fs::exists(file + ".corrupt"));
  EXPECT_TRUE(daemon.wait_for_log(bad + ".json is damaged; set aside"));
}

TEST(Queue, PtyctlQueuesListsAndWithdraws) {
  Daemon daemon;
  auto client = daemon.connect();
  drain(client);
  const auto made = daemon.ptyctl({"new", "later", "--queue", "--", "echo", "hi"});
  EXPECT_EQ(made.status, 0) << made;
  const auto id = queued(client).front().value("id", "");
  EXPECT_EQ(made.out, "Queued as " + id + ", session later starts when ptyd runs again.\n");
  const auto table = daemon.ptyctl({"queue"});
  EXPECT_NE(table.out.find("COMMAND"), std::string::npos) << table;
  EXPECT_NE(table.out.find("pending"), std::string::npos) << table;
  EXPECT_EQ(daemon.json({"queue"}).at(0).value("id", ""), id);
  EXPECT_EQ(daemon.ptyctl({"queue", "--remove", "later"}).status, 2);
  EXPECT_EQ(daemon.ptyctl({"queue", "--remove", id}).status, 0);
  EXPECT_EQ(daemon.ptyctl({"queue", "--remove", id}).status, 1);
  EXPECT_EQ(daemon.ptyctl({"queue"}).out, "The queue is empty.\n");
}

}  // namespace
}  // namespace ptyd::test
