// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/unit_journal.hpp"

#include <systemd/sd-journal.h>

#include <chrono>
#include <memory>
#include <string_view>

#include "common/text.hpp"

namespace ptyd {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPatience{1000};
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

Journal open_journal(const std::string& unit) {
  sd_journal* journal = nullptr;
  if (::sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY) < 0) return nullptr;
  Journal owned(journal);
  // The manager names the unit it speaks of; the process that was to become the host is in it.
  for (const char* field : {"UNIT=", "USER_UNIT=", "_SYSTEMD_UNIT=", "_SYSTEMD_USER_UNIT="}) {
    const auto match = field + unit;
    if (::sd_journal_add_match(journal, match.data(), match.size()) < 0 ||
        ::sd_journal_add_disjunction(journal) < 0)
      return nullptr;
  }
  return owned;
}

std::string message_of(sd_journal* journal) {
  const void* data = nullptr;
  std::size_t size = 0;
  if (::sd_journal_get_data(journal, "MESSAGE", &data, &size) < 0) return {};
  std::string_view field(static_cast<const char*>(data), size);
  field.remove_prefix(std::min(field.size(), std::string_view("MESSAGE=").size()));
  return printable(field.substr(0, kMaxReason));
}

// What the module of PAM says that refuses; empty for a message of something else.
std::string words_of_pam_module(const std::string& message) {
  if (!message.starts_with(kPamModule) || message.find(kPamService) == std::string::npos) return {};
  const auto words = message.find("): ");
  return words == std::string::npos ? std::string() : message.substr(words + 3);
}

// False to look again: what systemd says last is not there yet.
bool scan(sd_journal* journal, UnitFailure& failure) {
  if (::sd_journal_seek_head(journal) < 0) return false;
  std::string module;
  std::string pam;
  for (int line = 0; line<kMaxLines&& ::sd_journal_next(journal)> 0; ++line) {
    const auto message = message_of(journal);
    if (auto words = words_of_pam_module(message); !words.empty()) module = std::move(words);
    if (const auto at = message.find(kPamFailed); at != std::string::npos)
      pam = message.substr(at + kPamFailed.size());
    const auto at = message.find(kStepFailed);
    if (at == std::string::npos) continue;
    const bool by_pam = message.find("step PAM") != std::string::npos;
    // PAM's own word for it is often that of the last module in its stack, which says less.
    if (by_pam && !module.empty()) pam = module;
    failure = {by_pam && !pam.empty() ? pam : message.substr(at), by_pam};
    return true;
  }
  return false;
}

}  // namespace

UnitFailure read_unit_failure(const std::string& unit) {
  UnitFailure failure;
  const auto journal = open_journal(unit);
  if (!journal) return failure;
  const auto deadline = SteadyClock::now() + kPatience;
  while (!scan(journal.get(), failure)) {
    const auto left =
        std::chrono::duration_cast<std::chrono::microseconds>(deadline - SteadyClock::now());
    if (left.count() <= 0) break;
    if (::sd_journal_wait(journal.get(), static_cast<std::uint64_t>(left.count())) < 0) break;
  }
  return failure;
}

}  // namespace ptyd
