// SPDX-License-Identifier: LGPL-2.1-or-later
// Requests by their ids, what becomes of them when the daemon ends, and what is counted.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <regex>
#include <set>
#include <sstream>

#include "tests/integration/sessions.hpp"
#include "tests/support/daemon.hpp"

namespace ptyd::test {
namespace {

std::string metrics(ProtocolClient& client) {
  std::string text;
  for (const auto& item : client.request("metrics").items)
    text.append(item.body.begin(), item.body.end());
  return text;
}

// The sample's value; -1 when there is no such sample.
double value_of(const std::string& text, const std::string& sample) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(sample + " ")) return std::stod(line.substr(sample.size() + 1));
  return -1;
}

void expect_refused(const Answer& answer, const std::string& code) {
  ASSERT_TRUE(answer.answered) << "dropped silently";
  EXPECT_EQ(answer.code(), code) << answer.error;
  ASSERT_TRUE(answer.error.is_object());
  EXPECT_GT(answer.error.value("retryAfterMs", 0), 0) << answer.error;
}

TEST(Requests, AStopRefusesThoseThatWaitAndSaysWhenToTryAgain) {
  Daemon daemon;
  auto client = daemon.connect();
  // It is not ptyd's to end, so that nothing but the stop ends the waiting.
  Process supervised(daemon.ptyctl_command({"run", "--name=service", "--", "sleep", "1000"}));
  ASSERT_TRUE(eventually([&] {
    return client.request("status", {{"session", "service"}}).result.is_object();
  }));
  const auto waiting = client.begin_request("wait", {{"session", "service"}});
  ASSERT_TRUE(client.request("health").answered);
  ASSERT_TRUE(daemon.signal(SIGTERM));
  expect_refused(client.wait_answer(waiting), "shutting-down");
  EXPECT_EQ(daemon.wait_exit(), (ExitResult{EndKind::kExited, 0}));
  EXPECT_TRUE(daemon.wait_for_log("Refusing 1 request that cannot be finished"));
  supervised.signal(SIGTERM);
}

TEST(Requests, ADrainingDaemonSaysWhenToTryAgain) {
  Daemon daemon;
  auto client = daemon.connect();
  ASSERT_TRUE(client.request("drain", {{"graceMs", 90'000}}).result.is_object());
  const auto refused = client.request("create", {{"command", {"true"}}});
  expect_refused(refused, "draining");
  EXPECT_LE(refused.error.value("retryAfterMs", 0), 180'000);
}

// One that hangs is waited for, with a bound, then named in the log and refused.
TEST(Requests, AStopWaitsForThoseUnderWayWithinItsBound) {
  Daemon daemon(DaemonOptions{.config = "stop:\n  request_timeout: 500ms\n"});
  auto client = daemon.connect();
  create(client, "hung", {"sleep", "1000"}, {{"stopTimeoutMs", 200}});
  const auto hosts = daemon.hosts();
  ASSERT_EQ(hosts.size(), 1U);
  ASSERT_EQ(::kill(hosts.front(), SIGSTOP), 0);
  const auto send = client.begin_request("send", {{"session", "hung"}}, "lost\n");
  ASSERT_TRUE(eventually(
      [&] { return daemon.connect().request("health").result.value("clients", 0) == 2; }));
  ASSERT_TRUE(daemon.signal(SIGTERM));
  EXPECT_TRUE(daemon.wait_for_log("Finishing 1 request, within 500ms"));
  const auto answer = client.wait_answer(send);
  EXPECT_TRUE(answer.answered && answer.error.is_object()) << "dropped silently";
  EXPECT_TRUE(daemon.wait_exit());
  EXPECT_TRUE(daemon.wait_for_log("1 request not finished in time; going on"));
}

TEST(Requests, TheirIdsAreInTheLog) {
  Daemon daemon(DaemonOptions{.config = "log:\n  level: debug\n"});
  auto client = daemon.connect();
  create(client, "sleeper", {"sleep", "1000"});
  EXPECT_EQ(client.request("status", {{"session", "nobody"}}).code(), "not-found");
  EXPECT_TRUE(daemon.wait_for_log("requests create"));
  EXPECT_TRUE(daemon.wait_for_log("status failed \\(not-found\\) after"));
}

// ---- metrics ----

// Every line is what the text format allows, every family is described once and has samples of its
// own only; its name.
std::set<std::string> families(const std::string& text) {
  static const std::regex kSample(
      R"re((ptyd_[a-z_]+)(\{[a-z]+="[A-Za-z0-9._-]+"\})? -?[0-9]+(\.[0-9]+)?)re");
  std::set<std::string> names;
  std::string family;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(names.insert(family).second) << family << " comes twice";
      EXPECT_GT(line.size(), 8 + family.size()) << "no help: " << line;
      continue;
    }
    if (line.starts_with("# TYPE ")) {
      EXPECT_TRUE(
          std::regex_match(line, std::regex("# TYPE " + family + " (counter|gauge|summary)")))
          << line;
      continue;
    }
    std::smatch sample;
    if (!std::regex_match(line, sample, kSample)) {
      ADD_FAILURE() << "not a sample: " << line;
      continue;
    }
    const auto name = sample[1].str();
    EXPECT_TRUE(name == family || name == family + "_sum" || name == family + "_count") << line;
  }
  return names;
}

TEST(Metrics, CountWhatHappens) {
  Daemon daemon;
  auto client = daemon.connect();
  create(client, "polite", {"sh", "-c", "echo hello; exec sleep 1000"});
  create(client, "stubborn", stubborn_command(), {{"stopTimeoutMs", 300}});
  create(client, "stays", {"sleep", "1000"});
  ASSERT_TRUE(wait_printed(client, "polite", "hello"));
  ASSERT_TRUE(wait_printed(client, "stubborn", "grandchild"));
  EXPECT_EQ(client.request("status", {{"session", "nobody"}}).code(), "not-found");
  EXPECT_EQ(client.request("no-such-method").code(), "unsupported");
  for (const char* name : {"polite", "stubborn"})
    ASSERT_TRUE(client.request("terminate", {{"session", name}}).result.is_object());
  ASSERT_TRUE(client.request("drain").result.is_object());
  ASSERT_TRUE(client.request("create", {{"name", "later"}, {"command", {"true"}}, {"queue", true}})
                  .result.is_object());

  auto text = metrics(client);
  (void)families(text);
  EXPECT_EQ(value_of(text, "ptyd_sessions{state=\"stopped\"}"), 2) << text;
  EXPECT_EQ(value_of(text, "ptyd_sessions_started_total"), 3);
  EXPECT_EQ(value_of(text, "ptyd_sessions_ended_total{how=\"SIGTERM\"}"), 1) << text;
  EXPECT_EQ(value_of(text, "ptyd_sessions_ended_total{how=\"SIGKILL\"}"), 1) << text;
  EXPECT_EQ(value_of(text, "ptyd_sessions_force_killed_total"), 1);
  EXPECT_EQ(value_of(text, "ptyd_session_stop_seconds_count"), 2);
  EXPECT_GT(value_of(text, "ptyd_session_stop_seconds_sum"), 0.3);
  EXPECT_GE(value_of(text, "ptyd_session_output_bytes_total"), 7);
  EXPECT_EQ(value_of(text, "ptyd_clients{kind=\"connected\"}"), 1);
  EXPECT_EQ(value_of(text, "ptyd_requests_total{method=\"terminate\"}"), 2);
  EXPECT_EQ(value_of(text, "ptyd_requests_total{method=\"unknown\"}"), 1);
  EXPECT_EQ(value_of(text, "ptyd_request_failures_total{code=\"not-found\"}"), 1);
  EXPECT_EQ(value_of(text, "ptyd_requests_in_flight"), 1) << "this one";
  EXPECT_EQ(value_of(text, "ptyd_state{state=\"draining\"}"), 1);
  EXPECT_EQ(value_of(text, "ptyd_queue_entries{state=\"pending\"}"), 1);
  EXPECT_EQ(value_of(text, "ptyd_store_ok"), 1);
  EXPECT_GT(value_of(text, "ptyd_store_records_total"), 0);
  EXPECT_GT(value_of(text, "ptyd_memory_bytes"), 1e6);
  EXPECT_GT(value_of(text, "ptyd_loop_lag_max_seconds"), 0);

  ASSERT_TRUE(client.request("cancel-drain").result.is_object());
  text = metrics(client);
  EXPECT_EQ(value_of(text, "ptyd_drain_seconds_count"), 1);
  EXPECT_EQ(value_of(text, "ptyd_state{state=\"running\"}"), 1);
}

TEST(Metrics, AreDocumentedEachAndNoOther) {
  Daemon daemon;
  const auto printed = daemon.ptyctl({"metrics"});
  ASSERT_EQ(printed.status, 0) << printed;
  const auto documented = read_file(PTYD_SOURCE_DIR "/docs/metrics.md");
  static const std::regex kRow(R"(\n\| `(ptyd_[a-z_]+))");
  std::set<std::string> rows;
  for (std::sregex_iterator row(documented.begin(), documented.end(), kRow), end; row != end; ++row)
    rows.insert((*row)[1].str());
  std::erase_if(rows, [](const auto& name) { return name.starts_with("ptyd_web_"); });
  EXPECT_EQ(families(printed.out), rows);
}

TEST(Metrics, HealthSaysHowLongTheLoopWasBusy) {
  Daemon daemon;
  const auto health = daemon.json({"health"});
  EXPECT_GT(health.value("loopLagMax", -1.0), 0) << health;
}

// They tell of all users' sessions.
TEST(Metrics, AreForAdmins) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to be two users";
  Daemon daemon(DaemonOptions{.arguments = {"--system"}});
  const auto refused = daemon.ptyctl_as_nobody({"metrics"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_NE(refused.err.find("only root may"), std::string::npos) << refused;
  EXPECT_EQ(refused.out, "");
}

}  // namespace
}  // namespace ptyd::test
