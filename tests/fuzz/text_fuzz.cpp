// SPDX-License-Identifier: LGPL-2.1-or-later
// What strangers write is either refused or understood, and safe to show.
#include "common/session_name.hpp"
#include "common/text.hpp"
#include "common/wire.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace ptyd;

namespace {

void require_harmless(const std::string& text) {
  fuzz::require(is_valid_utf8(text));
  for (const char c : text) fuzz::require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

void check_printable(std::string_view text) {
  const auto shown = printable(text);
  require_harmless(shown);
  fuzz::require(printable(shown) == shown);
  require_harmless(shell_quoted({std::string(text), "x"}));
}

void check_unescaped(std::string_view text) {
  std::string problem;
  const auto bytes = unescaped(text, problem);
  fuzz::require(bytes.has_value() == problem.empty());
  if (bytes) fuzz::require(bytes->size() <= text.size());
}

void check_duration(std::string_view text) {
  const auto duration = parse_duration(text);
  if (!duration) return;
  fuzz::require(duration->count() >= 0);
  fuzz::require(parse_duration(format_duration(*duration)).has_value());
}

void check_size(std::string_view text) {
  if (const auto size = parse_size(text)) fuzz::require(!format_size(*size).empty());
}

void check_utc(std::string_view text) {
  const auto time = parse_utc(text);
  if (!time) return;
  fuzz::require(parse_utc(format_utc(*time)) == time);
  fuzz::require(from_us(to_us(*time)) == *time);
}

void check_signal(std::string_view text) {
  const auto signal = parse_signal(text);
  if (!signal) return;
  fuzz::require(*signal > 0);
  const auto name = signal_name(*signal);
  if (name.starts_with("SIG")) fuzz::require(parse_signal(name) == signal);
}

void check_name(std::string_view text) {
  const auto problem = session_name_problem(text);
  require_harmless(problem);
  if (problem.empty()) fuzz::require(!is_session_id(text) && printable(text) == text);
}

void check_time_number(std::string_view text) {
  WireReader in(as_bytes(text));
  fuzz::require(!format_utc(from_us(in.i64())).empty());
}

constexpr void (*kChecks[])(std::string_view) = {check_printable, check_unescaped,  check_duration,
                                                 check_size,      check_utc,        check_signal,
                                                 check_name,      check_time_number};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto choice = fuzz::take_byte(input);
  kChecks[choice % std::size(kChecks)](as_text(input));
  return 0;
}
