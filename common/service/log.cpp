// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/service/log.hpp"

#include <spdlog/async.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "common/text.hpp"

namespace ptyd::log {
namespace {

// Enough for the burst of a stop with a thousand sessions. Some 450 bytes each, taken at once.
constexpr std::size_t kQueueLines = 1024;
constexpr std::chrono::milliseconds kFinishTime{500};
// Between the text of a line and its fields, and between the fields: it cannot be in the text,
// which has been made printable, nor in a field.
constexpr char kSeparator = '\x1f';

std::shared_ptr<spdlog::logger> logger;
std::shared_ptr<spdlog::details::thread_pool> pool;

const char* message_id(Event event) {
  switch (event) {
    case Event::kNone: return nullptr;
    case Event::kDaemonReady: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e01";
    case Event::kStopBegun: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e02";
    case Event::kStopComplete: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e03";
    case Event::kSessionStarted: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e04";
    case Event::kSessionEnded: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e05";
    case Event::kSessionKilled: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e06";
    case Event::kSessionLost: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e07";
    case Event::kSessionAdopted: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e08";
    case Event::kDrainBegun: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e09";
    case Event::kDrainEnded: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e0a";
    case Event::kDrainExtended: return "e0cf939d1f2949608fc408e17e7a11b7";
    case Event::kDrainAbandoned: return "3f6dfa3ac31b4c6fa2615ce0968d437d";
    case Event::kStoreFailed: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e0b";
    case Event::kStoreRecovered: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e0c";
    case Event::kConfigRejected: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e0d";
    case Event::kProtocolViolation: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e0e";
    case Event::kQueued: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e21";
    case Event::kQueueStarting: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e22";
    case Event::kQueueCompleted: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e23";
    case Event::kQueueFailed: return "5f0e2b7c31d84a1b9f0e6b1d3a7c4e24";
    case Event::kMachineShutdown: return "861a5f860a664be1b51571e2e7a30300";
  }
  return nullptr;
}

int priority(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug: return LOG_DEBUG;
    case spdlog::level::info: return LOG_INFO;
    case spdlog::level::warn: return LOG_WARNING;
    case spdlog::level::err: return LOG_ERR;
    default: return LOG_CRIT;
  }
}

std::vector<std::string> split(std::string_view payload) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = payload.find(kSeparator);
    parts.emplace_back(payload.substr(0, end));
    if (end == std::string_view::npos) return parts;
    payload.remove_prefix(end + 1);
  }
}

// Runs on the log's own thread alone, so it needs no mutex.
class JournalSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit JournalSink(const std::string& program) : identifier_("SYSLOG_IDENTIFIER=" + program) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& line) override {
    auto parts = split({line.payload.data(), line.payload.size()});
    parts.front().insert(0, "MESSAGE=");
    parts.push_back("PRIORITY=" + std::to_string(priority(line.level)));
    parts.push_back(identifier_);
    std::vector<iovec> fields;
    fields.reserve(parts.size());
    for (auto& part : parts) fields.push_back({part.data(), part.size()});
    ::sd_journal_sendv(fields.data(), static_cast<int>(fields.size()));
  }
  void flush_() override {}

 private:
  std::string identifier_;
};

class StderrSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& line) override {
    const auto text = split({line.payload.data(), line.payload.size()}).front();
    const auto out = format_utc(line.time) + " " +
                     spdlog::level::to_string_view(line.level).data() + ": " + text + "\n";
    std::fwrite(out.data(), 1, out.size(), stderr);
  }
  void flush_() override { std::fflush(stderr); }
};

bool stderr_is_the_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &status) < 0) return false;
  unsigned long device = 0;
  unsigned long inode = 0;
  return std::sscanf(stream, "%lu:%lu", &device, &inode) == 2 && device == status.st_dev &&
         inode == status.st_ino;
}

}  // namespace

void start(const std::string& program, Target target, spdlog::level::level_enum level) {
  const bool journal =
      target == Target::kJournal || (target == Target::kAuto && stderr_is_the_journal());
  spdlog::sink_ptr sink;
  if (journal)
    sink = std::make_shared<JournalSink>(program);
  else
    sink = std::make_shared<StderrSink>();
  pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1);
  logger = std::make_shared<spdlog::async_logger>(program, std::move(sink), pool,
                                                  spdlog::async_overflow_policy::overrun_oldest);
  logger->set_level(level);
  logger->flush_on(spdlog::level::debug);
}

void set_level(spdlog::level::level_enum level) {
  if (logger) logger->set_level(level);
}

void finish(int exit_status) {
  logger.reset();
  // Joins the log's thread after it has written what is queued, which may take for ever.
  std::promise<void> done;
  auto finished = done.get_future();
  std::thread([last = std::move(pool), done = std::move(done)]() mutable {
    last.reset();
    done.set_value();
  }).detach();
  if (finished.wait_for(kFinishTime) != std::future_status::ready) ::_exit(exit_status);
}

void write(spdlog::level::level_enum level, std::string_view text, Event event,
           std::initializer_list<Field> fields) {
  if (!logger || !logger->should_log(level)) return;
  auto line = printable(text);
  const auto add = [&line](const char* name, std::string_view value) {
    line += kSeparator;
    line += name;
    line += '=';
    line += printable(value);
  };
  if (const char* id = message_id(event); id != nullptr) add("MESSAGE_ID", id);
  for (const auto& field : fields) add(field.name, field.value);
  logger->log(level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace ptyd::log
