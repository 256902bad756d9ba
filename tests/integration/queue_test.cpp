// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

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

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
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

}  // namespace
}  // namespace ptyd::test
