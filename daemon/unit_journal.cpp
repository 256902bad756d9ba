// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/unit_journal.hpp"

#include <systemd/sd-journal.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string_view>

#include "common/text.hpp"

namespace ptyd {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPatience{1000};
// What PAM's module says comes to the journal by another socket than what systemd says of it, later
// when the machine is busy, and without a unit when the process has gone by then.
constexpr std::chrono::milliseconds kPamPatience{300};
// Older lines are of another start, or of another process with the same number.
constexpr std::chrono::seconds kRecent{60};
// A unit that was only just made has a few lines.
constexpr int kMaxLines = 200;
constexpr std::size_t kMaxReason = 512;

// What src/core/execute.c (252) and exec-invoke.c (257) of systemd say.
constexpr std::string_view kPamFailed = "PAM failed: ";
constexpr std::string_view kStepFailed = "Failed at step ";
// "pam_unix(ptyd:account): account alice has expired (account expired)"
constexpr std::string_view kPamModule = "pam_";
constexpr std::string_view kPamService = "(ptyd:";

struct JournalCloser {
  void operator()(sd_journal* journal) const { ::sd_journal_close(journal); }
};
using Journal = std::unique_ptr<sd_journal, JournalCloser>;

// More lines, besides the ones matched so far.
bool add_match(sd_journal* journal, const std::string& match) {
  return ::sd_journal_add_disjunction(journal) >= 0 &&
         ::sd_journal_add_match(journal, match.data(), match.size()) >= 0;
}

Journal open_journal(const std::string& unit) {
  sd_journal* journal = nullptr;
  if (::sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY) < 0) return nullptr;
  Journal owned(journal);
  // The manager names the unit it speaks of; the process that was to become the host is in it.
  for (const char* field : {"UNIT=", "USER_UNIT=", "_SYSTEMD_UNIT=", "_SYSTEMD_USER_UNIT="})
    if (!add_match(journal, field + unit)) return nullptr;
  return owned;
}

std::string field_of(sd_journal* journal, const std::string& name) {
  const void* data = nullptr;
  std::size_t size = 0;
  if (::sd_journal_get_data(journal, name.c_str(), &data, &size) < 0) return {};
  std::string_view field(static_cast<const char*>(data), size);
  field.remove_prefix(std::min(field.size(), name.size() + 1));
  return printable(field.substr(0, kMaxReason));
}

// What the module of PAM says that refuses; empty for a message of something else.
std::string words_of_pam_module(const std::string& message) {
  if (!message.starts_with(kPamModule) || message.find(kPamService) == std::string::npos) return {};
  const auto words = message.find("): ");
  return words == std::string::npos ? std::string() : message.substr(words + 3);
}

// What the journal says so far.
struct Findings {
  std::string module;  // the last module of PAM that refused
  std::string pam;     // PAM's own word for it, often that of the last module in its stack
  std::string step;    // what systemd says last
  std::string pid;     // of the process that failed
  bool by_pam = false;

  [[nodiscard]] bool complete() const { return !step.empty() && (!by_pam || !module.empty()); }
};

Findings scan(sd_journal* journal) {
  Findings found;
  const auto recent = std::chrono::system_clock::now() - kRecent;
  if (::sd_journal_seek_realtime_usec(journal, static_cast<std::uint64_t>(to_us(recent))) < 0)
    return found;
  for (int line = 0; line<kMaxLines&& ::sd_journal_next(journal)> 0; ++line) {
    const auto message = field_of(journal, "MESSAGE");
    if (auto words = words_of_pam_module(message); !words.empty()) found.module = std::move(words);
    if (const auto at = message.find(kPamFailed); at != std::string::npos)
      found.pam = message.substr(at + kPamFailed.size());
    const auto at = message.find(kStepFailed);
    if (at == std::string::npos) continue;
    found.step = message.substr(at);
    found.by_pam = found.step.find("step PAM") != std::string::npos;
    found.pid = field_of(journal, "_PID");
  }
  return found;
}

UnitFailure failure_from(const Findings& found) {
  if (!found.by_pam) return {found.step, false};
  if (!found.module.empty()) return {found.module, true};
  return {found.pam.empty() ? found.step : found.pam, true};
}

}  // namespace

UnitFailure read_unit_failure(const std::string& unit) {
  const auto journal = open_journal(unit);
  if (!journal) return {};
  auto deadline = SteadyClock::now() + kPatience;
  auto found = scan(journal.get());
  bool by_pid = false;
  while (!found.complete()) {
    if (found.by_pam && !by_pid) {
      by_pid = true;
      deadline = std::min(deadline, SteadyClock::now() + kPamPatience);
      if (!add_match(journal.get(), "_PID=" + found.pid)) break;
    } else {
      const auto left =
          std::chrono::duration_cast<std::chrono::microseconds>(deadline - SteadyClock::now());
      if (left.count() <= 0) break;
      if (::sd_journal_wait(journal.get(), static_cast<std::uint64_t>(left.count())) < 0) break;
    }
    found = scan(journal.get());
  }
  return failure_from(found);
}

}  // namespace ptyd
