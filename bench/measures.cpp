// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bench/measures.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>
#include <string_view>
#include <thread>

#include "bench/processes.hpp"
#include "bench/program.hpp"
#include "tests/support/deadline.hpp"

namespace ptyd::bench {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

double seconds_since(SteadyClock::time_point begin) {
  return duration<double>(SteadyClock::now() - begin).count();
}

// What is shown to a viewer, read as fast as it comes.
class Reading {
 public:
  explicit Reading(Viewer& viewer) : viewer_(viewer) {}

  // False when it has not been shown after `timeout`, or the client is gone.
  bool until(std::string_view text, milliseconds timeout) {
    const test::Deadline deadline(timeout);
    while (!take(text))
      if (!(viewer_.protocol ? read_frame(deadline) : read_some(deadline))) return false;
    return true;
  }
  void type(char key) const {
    if (viewer_.protocol ? !viewer_.protocol->input(std::string_view(&key, 1))
                         : ::write(viewer_.fd.get(), &key, 1) != 1)
      throw std::runtime_error("a client takes no key");
  }

 private:
  bool read_some(const test::Deadline& deadline) {
    pollfd waiting{viewer_.fd.get(), POLLIN, 0};
    if (::poll(&waiting, 1, deadline.poll_timeout()) <= 0) return false;
    const auto size = ::read(viewer_.fd.get(), buffer_.data(), buffer_.size());
    if (size > 0) seen_.append(buffer_.data(), static_cast<std::size_t>(size));
    return size > 0;
  }
  bool read_frame(const test::Deadline& deadline) {
    const auto frame = viewer_.protocol->peek_frame(milliseconds(deadline.poll_timeout()));
    if (frame && frame->type == FrameType::kOutput) seen_ += as_text(frame->payload);
    return frame.has_value();
  }
  // Forgets all up to the end of the text; of what has not got it, all that cannot be its
  // beginning.
  bool take(std::string_view text) {
    const auto at = seen_.find(text);
    if (at != std::string::npos) {
      seen_.erase(0, at + text.size());
      return true;
    }
    if (seen_.size() >= text.size()) seen_.erase(0, seen_.size() - text.size() + 1);
    return false;
  }

  Viewer& viewer_;
  std::array<char, 64 * 1024> buffer_{};
  std::string seen_;
};

// A viewer of a session whose program is there, and listens.
struct Attached {
  Attached(Instance& instance, const std::string& session, const Arguments& command)
      : Attached(instance.attach(session, command)) {}
  explicit Attached(Viewer&& of_session) : viewer(std::move(of_session)), reading(viewer) {
    const test::Deadline deadline(test::kPatience);
    do {  // what is typed before a client is ready may be lost
      reading.type(kAsk);
      if (deadline.passed()) throw std::runtime_error("a session does not answer");
    } while (!reading.until(kReady, milliseconds(100)));
    while (reading.until(kReady, milliseconds(20))) continue;
  }
  void flood() {
    reading.type(kFlood);
    if (!reading.until(kEnd, std::chrono::minutes(2)))
      throw std::runtime_error("a text does not come to its end");
  }
  Viewer viewer;
  Reading reading;
};

constexpr const char* kSession = "bench";
constexpr double kMega = 1e6;

std::optional<double> throughput(const Manager& manager, const std::string& kind,
                                 std::size_t bytes) {
  Instance instance(manager);
  const auto command = program(kind, bytes);
  instance.start(kSession, command);
  Attached attached(instance, kSession, command);
  const auto begin = SteadyClock::now();
  attached.flood();
  return static_cast<double>(bytes) / kMega / seconds_since(begin);
}

std::optional<double> throughput_without_terminal(const Manager& manager, std::size_t bytes) {
  if (!manager.connect) return std::nullopt;
  Instance instance(manager);
  instance.start(kSession, program("text", bytes));
  Attached attached(instance.connect(kSession));
  const auto begin = SteadyClock::now();
  attached.flood();
  return static_cast<double>(bytes) / kMega / seconds_since(begin);
}

std::optional<double> cpu_per_gigabyte(const Manager& manager, std::size_t bytes) {
  Instance instance(manager);
  double seconds = 0;
  for (const auto* kind : kKinds) {
    const auto command = program(kind, bytes);
    instance.start(kind, command);
    Attached attached(instance, kind, command);
    const auto processes = instance.processes();
    const auto before = cpu_time(processes);
    attached.flood();
    seconds += duration<double>(cpu_time(processes) - before).count();
  }
  return seconds / static_cast<double>(std::size(kKinds) * bytes) * 1e9;
}

// Microseconds from a key to what it prints; that quantile of them.
std::optional<double> echo(const Manager& manager, double quantile, int keys, bool beside_a_flood) {
  Instance instance(manager);
  std::optional<Viewer> flooding;
  if (beside_a_flood) {
    instance.start("flood", program("text", 0));
    // Without sessions in the background somebody must look, and that is a flood, too.
    if (!manager.start) return std::nullopt;
  }
  const auto command = program("text", 1);
  instance.start(kSession, command);
  Attached attached(instance, kSession, command);
  std::vector<double> times;
  for (int i = 0; i < keys; ++i) {
    ::usleep(1000);  // a person's pause, short
    const char key = i % 2 == 0 ? '#' : '%';
    const auto begin = SteadyClock::now();
    attached.reading.type(key);
    if (!attached.reading.until(std::string(1, key), test::kPatience))
      throw std::runtime_error("a key is not echoed");
    times.push_back(seconds_since(begin) * 1e6);
  }
  std::sort(times.begin(), times.end());
  return times[static_cast<std::size_t>(quantile * static_cast<double>(times.size() - 1))];
}

constexpr std::chrono::seconds kMemoryPause{5};  // a quiet session has tidied up by then

std::optional<double> memory(const Manager& manager, int sessions, std::size_t printed,
                             bool quiet) {
  if (!manager.start) return std::nullopt;
  Instance instance(manager);
  for (int i = 0; i < sessions; ++i) {
    const auto session = "s" + std::to_string(i);
    const auto command = program("text", std::max<std::size_t>(printed, 1));
    instance.start(session, command);
    Attached attached(instance, session, command);
    if (printed != 0) attached.flood();
  }
  if (quiet) std::this_thread::sleep_for(kMemoryPause);
  return pss_kib(instance.processes()) / sessions;
}

std::optional<double> created_a_second(const Manager& manager, int sessions) {
  if (!manager.start) return std::nullopt;
  Instance instance(manager);
  const auto begin = SteadyClock::now();
  for (int i = 0; i < sessions; ++i) instance.start("s" + std::to_string(i), {"sleep", "1000"});
  return sessions / seconds_since(begin);
}

std::optional<double> listing(const Manager& manager, int sessions) {
  if (!manager.list) return std::nullopt;
  Instance instance(manager);
  for (int i = 0; i < sessions; ++i) instance.start("s" + std::to_string(i), {"sleep", "1000"});
  instance.list();
  const auto begin = SteadyClock::now();
  instance.list();
  return seconds_since(begin) * 1e3;
}

// Milliseconds from the start of a client to the last byte of the screen.
std::optional<double> attaching(const Manager& manager, std::size_t printed, bool quiet) {
  if (!manager.restores_screen) return std::nullopt;
  Instance instance(manager);
  const auto command = program("colour", printed);
  instance.start(kSession, command);
  { Attached(instance, kSession, command).flood(); }
  if (quiet)
    std::this_thread::sleep_for(milliseconds(500));  // since when nobody prints or attaches
  const auto begin = SteadyClock::now();
  auto viewer = instance.attach(kSession, command);
  if (!Reading(viewer).until(kEnd, test::kPatience))
    throw std::runtime_error("the screen does not come back");
  return seconds_since(begin) * 1e3;
}

std::optional<double> ending(const Manager& manager, int sessions) {
  if (!manager.start) return std::nullopt;
  Instance instance(manager);
  Arguments names;
  for (int i = 0; i < sessions; ++i) {
    names.push_back("s" + std::to_string(i));
    instance.start(names.back(), {"sleep", "1000"});
  }
  const auto commands = instance.commands(names.size());
  const auto begin = SteadyClock::now();
  instance.end(names, commands);
  return seconds_since(begin) * 1e3;
}

// How many of so many commands that end right after their last byte are never shown to their end.
std::optional<double> ends_lost(const Manager& manager, int commands) {
  if (!manager.start) return std::nullopt;
  Instance instance(manager);
  int lost = 0;
  for (int i = 0; i < commands; ++i) {
    const auto session = "s" + std::to_string(i);
    const auto command = program("text", 1);
    instance.start(session, command);
    Attached attached(instance, session, command);
    attached.reading.type(kLast);
    if (!attached.reading.until(kEnd, milliseconds(2000))) ++lost;
  }
  return lost;
}

}  // namespace

std::vector<Measure> measures(double scale) {
  const auto bytes = [scale](double mega) {
    return static_cast<std::size_t>(mega * kMega * scale);
  };
  const auto count = [scale](int number) { return std::max(1, static_cast<int>(number * scale)); };
  std::vector<Measure> all;
  for (const std::string kind : kKinds)
    all.push_back({"output, " + kind, "MB/s",
                   [=](const Manager& manager) { return throughput(manager, kind, bytes(60)); }});
  all.push_back({"output, text, to no terminal", "MB/s", [=](const Manager& manager) {
                   return throughput_without_terminal(manager, bytes(60));
                 }});
  all.push_back({"manager's CPU", "s/GB",
                 [=](const Manager& manager) { return cpu_per_gigabyte(manager, bytes(30)); }});
  for (const bool flood : {false, true})
    for (const double quantile : {0.5, 0.99})
      all.push_back({std::string("key echo, p") + (quantile == 0.5 ? "50" : "99") +
                         (flood ? ", beside a flood" : ""),
                     "us", [=](const Manager& manager) {
                       return echo(manager, quantile, count(500), flood);
                     }});
  // Their names say how many.
  const auto add = [&all](const std::string& name, int number, const std::string& more,
                          const std::string& unit, auto round) {
    all.push_back({name + " " + std::to_string(number) + " " + more, unit,
                   [=](const Manager& manager) { return round(manager, number); }});
  };
  add("memory of each of", count(100), "idle sessions", "KiB",
      [](const Manager& manager, int number) { return memory(manager, number, 0, false); });
  add("memory of each of", count(50), "sessions after 1 MiB", "KiB",
      [](const Manager& manager, int number) { return memory(manager, number, 1 << 20, false); });
  add("memory of each of", count(50), "sessions after 1 MiB, when quiet", "KiB",
      [](const Manager& manager, int number) { return memory(manager, number, 1 << 20, true); });
  add("starting", count(100), "sessions", "1/s", created_a_second);
  add("list of", count(200), "sessions", "ms", listing);
  for (const bool quiet : {false, true})
    all.push_back({"attach after " + std::to_string(bytes(10) / 1000000) + " MB" +
                       (quiet ? ", when quiet" : ""),
                   "ms",
                   [=](const Manager& manager) { return attaching(manager, bytes(10), quiet); }});
  add("ending", count(100), "sessions", "ms", ending);
  add("ends never shown, of", count(100), "commands", "", ends_lost);
  return all;
}

}  // namespace ptyd::bench
