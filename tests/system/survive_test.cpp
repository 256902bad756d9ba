// SPDX-License-Identifier: LGPL-2.1-or-later
// Nothing ends when the daemon does: sessions that print as fast as they can, clients that type and
// read, and a daemon that is killed, restarted, hung and upgraded all the while.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>

#include "tests/support/sessions.hpp"
#include "tests/system/daemon.hpp"

namespace ptyd::test {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr char kPrinter[] = "/usr/libexec/ptyd-test/printer";
constexpr int kSessions = 64;

// ptyd.slice keeps 64 sessions that compute from taking the daemon's time, where cgroup2 has the
// controller for it. Where it has not, the machine's services are a few among 130 that want two
// processors.
milliseconds list_time() { return has_controller("cpu") ? milliseconds(1000) : milliseconds(5000); }

// What stands in for the controller then: nice values, of the process and, as each of them is in a
// terminal session of its own, of its autogroup (sched(7)). The sessions still take all the time
// that nobody else wants.
void come_last(pid_t pid) {
  EXPECT_EQ(::setpriority(PRIO_PROCESS, static_cast<id_t>(pid), 19), 0) << pid;
  std::ofstream("/proc/" + std::to_string(pid) + "/autogroup") << "19";
}

milliseconds since(SteadyClock::time_point then) {
  return std::chrono::duration_cast<milliseconds>(SteadyClock::now() - then);
}

// Checks what a printer prints, from its first byte or, in the middle, from the first whole line.
class Checker {
 public:
  explicit Checker(bool from_the_start) : from_the_start_(from_the_start), whole_(from_the_start) {}

  void feed(std::string_view bytes) {
    bytes_ += bytes.size();
    text_ += bytes;
    std::size_t start = 0;
    for (std::size_t end = 0; (end = text_.find('\n', start)) != std::string::npos; start = end + 1)
      take(std::string_view(text_).substr(start, end - start));
    text_.erase(0, start);
  }

  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] std::uint64_t last() const { return last_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] int said() const { return said_; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] std::uint64_t end_bytes() const { return end_bytes_; }

 private:
  void take(std::string_view line) {
    if (!whole_) {  // the rest of a line whose beginning was not seen
      whole_ = true;
      return;
    }
    // Nearly all lines are numbers, and this must keep up with twelve sessions.
    if (!line.empty() && line[0] >= '0' && line[0] <= '9') return take_number(line);
    if (line == "ready") return;
    if (line == "said " + std::to_string(said_ + 1) ||
        (!from_the_start_ && line.starts_with("said "))) {
      ++said_;
    } else if (line.starts_with("end ")) {
      const auto space = line.rfind(' ');
      std::from_chars(line.data() + space + 1, line.data() + line.size(), end_bytes_);
      ended_ = true;
    } else {
      complain(line);
    }
  }

  void take_number(std::string_view line) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    const bool whole = error == std::errc{} && end == line.data() + line.size();
    if (!whole || (last_ != 0 && number != last_ + 1)) return complain(line);
    last_ = number;
  }

  void complain(std::string_view line) {
    if (problem_.empty())
      problem_ =
          "after " + std::to_string(last_) + " came '" + std::string(line.substr(0, 80)) + "'";
  }

  const bool from_the_start_;
  bool whole_;
  std::string text_;
  std::uint64_t last_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t end_bytes_ = 0;
  int said_ = 0;
  bool ended_ = false;
  std::string problem_;
};

// Attached from before the first line to the end, on a thread of its own; types now and then.
class Viewer {
 public:
  Viewer(ProtocolClient client, bool types) : client_(std::move(client)), types_(types) {}
  ~Viewer() {
    ::shutdown(client_.fd(), SHUT_RDWR);  // of a test that has failed already
    join();
  }

  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] const Checker& checker() const { return checker_; }
  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] const std::optional<Ended>& end() const { return end_; }
  [[nodiscard]] int typed() const { return typed_; }

 private:
  void run() {
    while (failure_.empty() && !end_) {
      // The next word is typed only when the last was answered, so each answer has its place.
      if (types_ && checker_.said() == typed_ && checker_.last() > 0 && !checker_.ended()) {
        if (typed_ > 0 && since(typed_at_) < milliseconds(50)) {
          // not faster than a person with a macro
        } else if (client_.input("say " + std::to_string(++typed_) + "\n")) {
          typed_at_ = SteadyClock::now();
        } else {
          types_ = false;  // nobody is there any more: what comes to read says how it ended
        }
      }
      const auto frame = client_.next_frame(std::chrono::seconds(60));
      if (!frame) {
        failure_ = "the connection ended, or nothing came for a minute";
      } else if (frame->type == FrameType::kOutput) {
        checker_.feed(as_text(frame->payload));
        if (!checker_.problem().empty()) failure_ = checker_.problem();
      } else if (frame->type == FrameType::kGap) {
        failure_ = "a gap: this client was too slow for its own test";
      } else if (frame->type == FrameType::kDetached) {
        failure_ = "detached";
      } else if (frame->type == FrameType::kEnded) {
        end_ = decode<Ended>(frame->payload);
      }
    }
  }

  ProtocolClient client_;
  bool types_;
  int typed_ = 0;
  SteadyClock::time_point typed_at_{};
  Checker checker_{true};
  std::string failure_;
  std::optional<Ended> end_;
  std::thread thread_;
};

// The sessions, those who look at some of them, and the daemon that carries none of it.
class Flood {
 public:
  explicit Flood(int sessions = kSessions, int attached = 12) {
    // The test's clients are such as keep up, beside 128 processes that take all the time there is:
    // what a client is too slow for it does not get, see docs/protocol.md.
    ::setpriority(PRIO_PROCESS, 0, -15);
    std::ofstream("/proc/self/autogroup") << "-15";  // counts where there is one, sched(7)
    auto client = client_of("alice");
    for (int i = 0; i < sessions; ++i) {
      const auto name = "flood-" + std::to_string(i);
      const auto session = create(client, name, {kPrinter},
                                  {{"scrollbackBytes", i < attached ? 16 << 20 : 1 << 20}});
      ids_.push_back(session.value("id", ""));
      hosts_.push_back(session.value("hostPid", 0));
      if (!has_controller("cpu")) {
        come_last(session.value("hostPid", 0));
        come_last(session.value("pid", 0));
      }
      if (i >= attached) continue;
      auto viewer = client_of("alice");
      EXPECT_TRUE(viewer.attach(name));
      viewers_.push_back(std::make_unique<Viewer>(std::move(viewer), i % 2 == 0));
    }
    for (const auto& viewer : viewers_) viewer->start();
    for (const auto& id : ids_) {
      EXPECT_TRUE(wait_printed(client, id, "ready"));
      EXPECT_TRUE(client.request("send", {{"session", id}}, "go\n").result.is_object());
    }
  }

  // Waits until a new daemon lists every session as running with its own host, and says how long
  // that took after it was back; and that no viewer has lost anything so far.
  void expect_complete() {
    auto client = client_of("alice");
    const auto back = SteadyClock::now();
    // What was not on disk yet when the daemon died shows when its host has registered.
    std::string missing;
    ASSERT_TRUE(eventually([&] {
      missing = not_running(client.request("list"));
      return missing.empty();
    })) << missing;
    const auto listed = since(back);
    slowest_list_ = std::max(slowest_list_, listed);
    EXPECT_LE(listed, list_time()) << "the list took too long to be complete";
    for (const auto& viewer : viewers_) ASSERT_EQ(viewer->failure(), "");
  }

  // What a list lacks of all sessions running; empty for nothing.
  [[nodiscard]] std::string not_running(const Answer& answer) const {
    if (answer.items.size() != ids_.size())
      return std::to_string(answer.items.size()) + " sessions are listed";
    for (const auto& message : answer.items) {
      const auto& session = message.json.at("item");
      const auto state = session.value("state", "");
      if (state != "active" && state != "idle") return session.dump();
    }
    return {};
  }

  // Ends all, each with an exit status of its own, and checks every byte and status.
  void finish() {
    auto client = client_of("alice");
    for (int i = 0; i < static_cast<int>(ids_.size()); ++i) {
      const auto& id = ids_[static_cast<std::size_t>(i)];
      const auto sent =
          client.request("send", {{"session", id}}, "stop " + std::to_string(i + 1) + "\n");
      EXPECT_TRUE(sent.result.is_object()) << sent.error;
    }
    std::uint64_t total = 0;
    for (int i = 0; i < static_cast<int>(ids_.size()); ++i) {
      const auto& id = ids_[static_cast<std::size_t>(i)];
      const auto ended = client
                             .wait_answer(client.begin_request("wait", {{"session", id}}),
                                          std::chrono::seconds(60))
                             .result;
      ASSERT_TRUE(ended.is_object()) << i;
      EXPECT_EQ(ended.value("endedBy", ""), "exited") << ended;
      EXPECT_EQ(ended.value("exitStatus", -1), i + 1) << ended;
      Checker scrollback(false);
      scrollback.feed(captured(client, id));
      EXPECT_EQ(scrollback.problem(), "") << i;
      EXPECT_TRUE(scrollback.ended()) << i;
      EXPECT_EQ(scrollback.end_bytes(), ended.value("outputBytes", std::uint64_t{0})) << i;
      total += scrollback.end_bytes();
    }
    int typed = 0;
    for (int i = 0; i < static_cast<int>(viewers_.size()); ++i) {
      auto& viewer = *viewers_[static_cast<std::size_t>(i)];
      viewer.join();
      EXPECT_EQ(viewer.failure(), "");
      EXPECT_TRUE(viewer.checker().ended());
      EXPECT_EQ(viewer.checker().bytes(), viewer.checker().end_bytes());
      ASSERT_TRUE(viewer.end());
      EXPECT_EQ(viewer.end()->value, i + 1);
      typed += viewer.checker().said();
    }
    EXPECT_GT(typed, 0);
    std::cout << "figure: " << ids_.size() << " sessions printed " << total / 1'000'000 << " MB, "
              << typed << " typed lines were answered, the slowest list took "
              << slowest_list_.count() << " ms" << std::endl;
  }

 private:
  std::vector<std::string> ids_;
  std::vector<pid_t> hosts_;
  std::vector<std::unique_ptr<Viewer>> viewers_;
  milliseconds slowest_list_{0};
};

int times(const char* variable, int usual) {
  const char* value = std::getenv(variable);
  return value == nullptr ? usual : std::atoi(value);
}

// PTYD_TEST_KILLS=10000 script/system-test bookworm -- 'Survive.TheDaemon*' is the long run.
TEST(Survive, TheDaemonIsKilledAgainAndAgain) {
  const int kills = times("PTYD_TEST_KILLS", 200);
  start_socket();
  Flood flood;
  std::mt19937 random(std::random_device{}());
  const auto begun = SteadyClock::now();
  for (int i = 0; i < kills;) {
    // A random moment in the life of a daemon, its start-up included.
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 600'000));
    const auto pid = daemon_pid();
    if (pid == 0 || ::kill(pid, SIGKILL) != 0 || ++i % 10 != 0) continue;
    ASSERT_TRUE(wait_daemon_other_than(pid));
    flood.expect_complete();
    ASSERT_FALSE(testing::Test::HasFatalFailure()) << "after " << i << " kills";
  }
  std::cout << "figure: " << kills << " kills in " << since(begun).count() << " ms" << std::endl;
  ASSERT_TRUE(wait_for_property("ptyd.service", "SubState", "running"));
  flood.finish();
}

// Fifty crashes in a minute, each as soon as it is ready, use up no start limit. Few sessions, so
// that it is a minute on a small machine, too.
TEST(Survive, ACrashLoop) {
  start_socket();
  Flood flood(4, 3);
  const auto begun = SteadyClock::now();
  for (int i = 0; i < 50; ++i) {
    const auto pid = daemon_pid();
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_TRUE(wait_daemon_other_than(pid));
  }
  std::cout << "figure: 50 crashes in " << since(begun).count() << " ms" << std::endl;
  EXPECT_LE(since(begun), std::chrono::seconds(60));
  EXPECT_EQ(unit_property("ptyd.socket", "ActiveState"), "active");
  flood.expect_complete();
  flood.finish();
}

TEST(Survive, RestartsUnderAFlood) {
  start_socket();
  Flood flood;
  for (const char* verb : {"restart", "try-restart", "reload-or-restart", "restart"}) {
    const auto result = systemctl({verb, "ptyd.service"});
    ASSERT_EQ(result.status, 0) << result;
    flood.expect_complete();
  }
  flood.finish();
  const auto log = journal("ptyd.service");
  EXPECT_NE(log.find("Handed over 64 sessions"), std::string::npos);
  EXPECT_EQ(log.find("Terminating PTY"), std::string::npos);
}

TEST(Survive, AHungDaemonIsReplacedByTheWatchdog) {
  write_drop_in("ptyd.service", "[Service]\nWatchdogSec=2s\n");
  start_socket();
  Flood flood;
  const auto hung = daemon_pid();
  ASSERT_EQ(::kill(hung, SIGSTOP), 0);
  ASSERT_TRUE(wait_daemon_other_than(hung));
  flood.expect_complete();
  EXPECT_NE(journal("ptyd.service").find("Watchdog timeout"), std::string::npos);
  flood.finish();
}

// As a package does it: the files are replaced, then the unit is restarted. The session hosts are
// those of the old version.
TEST(Survive, AnUpgradeEndsNothing) {
  start_socket();
  Flood flood;
  const auto old_version = run({kPtyd, "--version"}).out;
  std::filesystem::copy_file("/usr/libexec/ptyd-test/ptyd-next", "/usr/sbin/ptyd.dpkg-new");
  std::filesystem::permissions("/usr/sbin/ptyd.dpkg-new", std::filesystem::perms(0755));
  std::filesystem::rename("/usr/sbin/ptyd.dpkg-new", kPtyd);
  ASSERT_EQ(systemctl({"daemon-reload"}).status, 0);
  const auto result = systemctl({"try-restart", "ptyd.service"});
  ASSERT_EQ(result.status, 0) << result;
  flood.expect_complete();
  const auto version = run({kPtyctl, "--json=short", "health"}).out;
  EXPECT_NE(version.find("\"version\":\"999.0\""), std::string::npos) << version;
  EXPECT_EQ(old_version.find("999.0"), std::string::npos);
  flood.finish();
}

TEST(Survive, AKilledHostCostsItsSessionOnly) {
  start_socket();
  auto client = client_of("alice");
  const auto doomed = create(client, "doomed", {"bash", "-c", "echo last-words; sleep 1000"});
  create_shell(client, "other");
  ASSERT_TRUE(wait_printed(client, "doomed", "last-words"));
  const auto unit = "ptyd-session-" + doomed.value("id", "") + ".service";
  ASSERT_EQ(::kill(doomed.value("hostPid", 0), SIGKILL), 0);
  const auto lost = client.request("wait", {{"session", "doomed"}}).result;
  EXPECT_EQ(lost.value("state", ""), "error");
  EXPECT_EQ(lost.value("endedBy", ""), "lost");
  EXPECT_NE(captured(client, "doomed").find("last-words"), std::string::npos);
  // systemd clears up what its host can not end any more.
  EXPECT_TRUE(wait_for_property(unit, "ActiveState", "inactive"));
  EXPECT_EQ(run({"pgrep", "-xf", "sleep 1000"}).out, "");
  EXPECT_EQ(client.request("status", {{"session", "other"}}).result.value("state", ""), "active");
}

}  // namespace
}  // namespace ptyd::test
