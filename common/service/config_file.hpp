// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <spdlog/common.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/service/log.hpp"

namespace ptyd {

// Configuration files: YAML of sections and keys with single values, each of which a variable of
// the environment can set as well.

// Looks a variable of the environment up; null when it is not set.
using Environment = std::function<const char*(const std::string& name)>;

struct ConfigKey {
  std::string name;  // "drain.grace"
  // Sets the value; what is wrong with the text otherwise, as "expected …".
  std::function<std::string(const std::string&)> set;
};

// Reads `path` and then the environment, which wins: with the prefix "PTYD_", PTYD_DRAIN_GRACE is
// drain.grace. A file that does not exist is an empty one unless `must_exist`. Returns the
// problems: one line each, with file and line or the variable's name; what was set counts only
// without any. Blocks on the disk: not for an event loop.
std::vector<std::string> load_config_file(const std::string& path, bool must_exist,
                                          const std::string& prefix, const Environment& environment,
                                          const std::vector<ConfigKey>& keys);
// The same from text, called `path` in problems.
std::vector<std::string> parse_config_text(const std::string& text, const std::string& path,
                                           const std::string& prefix,
                                           const Environment& environment,
                                           const std::vector<ConfigKey>& keys);

// For ConfigKey::set. All bounds are allowed values.
std::string set_duration(std::chrono::milliseconds& out, const std::string& text,
                         std::chrono::milliseconds min, std::chrono::milliseconds max);
std::string set_size(std::uint64_t& out, const std::string& text, std::uint64_t min,
                     std::uint64_t max);
std::string set_count(std::uint64_t& out, const std::string& text, std::uint64_t min,
                      std::uint64_t max);

template <typename Words, typename T>
std::string set_word(T& out, const std::string& text, const Words& words) {
  std::string expected;
  for (const auto& [word, value] : words) {
    if (text == word) {
      out = value;
      return {};
    }
    expected += (expected.empty() ? "" : ", ") + std::string(word);
  }
  return "expected one of " + expected;
}

// The word for a value.
template <typename Words, typename T>
std::string get_word(const T& value, const Words& words) {
  for (const auto& [word, its_value] : words)
    if (value == its_value) return word;
  return {};
}

// Levels by the words of the journal.
inline constexpr std::array<std::pair<const char*, spdlog::level::level_enum>, 4> kLogLevels{{
    {"debug", spdlog::level::debug},
    {"info", spdlog::level::info},
    {"warning", spdlog::level::warn},
    {"error", spdlog::level::err},
}};
inline constexpr std::array<std::pair<const char*, log::Target>, 3> kLogTargets{{
    {"auto", log::Target::kAuto},
    {"journal", log::Target::kJournal},
    {"stderr", log::Target::kStderr},
}};

}  // namespace ptyd
