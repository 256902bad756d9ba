// SPDX-License-Identifier: LGPL-2.1-or-later
// What is kept of sessions, for how long, and in whose format.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <iostream>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/tracer.hpp"

namespace ptyd::test {
namespace {

constexpr ExitResult kSuccess{EndKind::kExited, 0};
constexpr char kId[] = "0123456789abcdef";

std::string file_of(const Daemon& daemon, const std::string& id) {
  return daemon.state_dir() + "/sessions/" + id + ".json";
}

std::size_t listed(ProtocolClient& client) { return client.request("list").items.size(); }

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& file : std::filesystem::directory_iterator(folder))
    files.push_back(file.path().string());
  return files;
}

// Makes the record that of another version, and gives back what is in the file now.
std::string rewrite(const std::string& path, int version) {
  auto json = Json::parse(read_file(path));
  json["formatVersion"] = version;
  if (version < 2) json.erase("onDrain");
  write_file(path, json.dump());
  return read_file(path);
}

TEST(Records, AreForgottenWhenTheyAreOld) {
  Daemon daemon(DaemonOptions{.config = "store: {keep_for: 500ms, interval: 100ms}\n"});
  auto client = daemon.connect();
  const auto ended = create(client, "brief", {"true"});
  create(client, "lives", {"sleep", "1000"});
  EXPECT_TRUE(client.request("wait", {{"session", ended.value("id", "")}}).answered);
  EXPECT_TRUE(eventually([&] { return listed(client) == 1; }));
  EXPECT_EQ(client.request("status", {{"session", "lives"}}).result.value("state", ""), "active");
  EXPECT_TRUE(
      eventually([&] { return !std::filesystem::exists(file_of(daemon, ended.value("id", ""))); }));
}

// Age goes on while no daemon runs.
TEST(Records, OldOnesOfEarlierDaemonsAreForgotten) {
  Daemon daemon;
  std::string old, young;
  {
    auto client = daemon.connect();
    old = create(client, "old", {"true"}).value("id", "");
    young = create(client, "young", {"true"}).value("id", "");
    for (const auto& id : {old, young})
      EXPECT_TRUE(client.request("wait", {{"session", id}}).answered);
  }
  EXPECT_EQ(daemon.terminate(), kSuccess);
  auto json = record(daemon, old);
  json["endedAt"] = "2020-01-31T23:59:59.123Z";
  write_file(file_of(daemon, old), json.dump());
  write_file(daemon.config_path(), "store: {interval: 100ms}\n");
  daemon.start();
  auto client = daemon.connect();
  EXPECT_TRUE(eventually([&] { return listed(client) == 1; }));
  EXPECT_TRUE(client.request("status", {{"session", young}}).result.is_object());
}

TEST(Records, ThoseOfAnOlderVersionAreTakenOver) {
  Daemon daemon;
  std::string id;
  {
    auto client = daemon.connect();
    id = create(client, "job", {"true"}).value("id", "");
    EXPECT_TRUE(client.request("wait", {{"session", id}}).answered);
  }
  EXPECT_EQ(daemon.terminate(), kSuccess);
  rewrite(file_of(daemon, id), 1);
  daemon.start();
  auto client = daemon.connect();
  const auto session = client.request("status", {{"session", id}}).result;
  ASSERT_TRUE(session.is_object());
  EXPECT_EQ(session.value("onDrain", ""), "wait");
  EXPECT_EQ(daemon.log().text().find("State:"), std::string::npos) << daemon.log().text();
}

// After a downgrade: the newer version wants to find what it left.
TEST(Records, ThoseOfANewerVersionAreLeftAlone) {
  Daemon daemon(DaemonOptions{.started = false});
  std::filesystem::create_directories(daemon.state_dir() + "/sessions");
  std::filesystem::create_directories(daemon.state_dir() + "/queue");
  const std::string text = R"({"formatVersion": 99, "id": "0123456789abcdef", "what": ["else"]})";
  const auto session = file_of(daemon, kId);
  const auto entry = daemon.state_dir() + "/queue/" + kId + ".json";
  write_file(session, text);
  write_file(entry, text);
  daemon.start();
  for (const auto& path : {session, entry})
    EXPECT_TRUE(daemon.wait_for_log(path + " was written by a newer ptyd \\(format 99, this one"
                                           " knows [0-9]+\\); leaving it alone"));
  auto client = daemon.connect();
  EXPECT_EQ(listed(client), 0U);
  create(client, "another", {"true"});
  EXPECT_EQ(daemon.terminate(), kSuccess);
  EXPECT_EQ(read_file(session), text);
  EXPECT_EQ(read_file(entry), text);
}

// The disk had failed for a moment, and what it held was set aside for good.
TEST(Records, OneThatCannotBeReadNowIsThereTheNextTime) {
  Daemon daemon(DaemonOptions{.traced = true});
  std::string id;
  {
    auto client = daemon.connect();
    id = create(client, "job", {"true"}).value("id", "");
    EXPECT_TRUE(client.request("wait", {{"session", id}}).answered);
    EXPECT_TRUE(client.request("drain").result.is_object());
    create(client, "late", {"true"}, {{"queue", true}});
  }
  EXPECT_EQ(daemon.terminate(), kSuccess);
  const auto entries = files_in(daemon.state_dir() + "/queue");
  ASSERT_EQ(entries.size(), 1U);
  Arguments runner{"strace", "-D", "-qq", "-f", "-o", "/dev/null"};
  for (const auto& option :
       strace_options({"read", "error=EIO", "", {file_of(daemon, id), entries[0]}}))
    runner.push_back(option);
  daemon.set_runner(runner);
  daemon.start();
  for (const auto& path : {file_of(daemon, id), entries[0]})
    EXPECT_TRUE(
        daemon.wait_for_log(path + " cannot be read: Input/output error; leaving it alone"));
  EXPECT_EQ(daemon.terminate(), kSuccess);
  daemon.set_runner({});
  daemon.start();
  auto client = daemon.connect();
  EXPECT_EQ(client.request("status", {{"session", id}}).result.value("state", ""), "stopped");
  // What was queued is started soon after the daemon is ready.
  EXPECT_TRUE(eventually([&] {
    const auto late = client.request("wait", {{"session", "late"}}).result;
    return late.is_object() && late["endedBy"] == "exited";
  }));
}

// The session itself goes on, since its host knows all that is needed.
TEST(Records, ASessionOfANewerDaemonIsServedAndItsRecordLeftAlone) {
  Daemon daemon;
  std::string id;
  {
    auto client = daemon.connect();
    id = create_shell(client, "shell").value("id", "");
    ASSERT_TRUE(wait_printed(client, "shell", "ready> "));
  }
  daemon.kill9();
  const auto text = rewrite(file_of(daemon, id), 99);
  daemon.start();
  auto client = daemon.connect();
  ASSERT_TRUE(eventually([&] { return listed(client) == 1; }));
  auto viewer = daemon.connect();
  ASSERT_TRUE(viewer.attach("shell"));
  EXPECT_TRUE(shell_answers(viewer, "alive"));
  EXPECT_EQ(daemon.terminate(), kSuccess);
  EXPECT_EQ(read_file(file_of(daemon, id)), text);
  EXPECT_EQ(daemon.log().text().find("Saved session state"), std::string::npos);
  EXPECT_TRUE(daemon.hosts().empty());
}

}  // namespace
}  // namespace ptyd::test
