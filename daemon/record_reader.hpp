// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/message.hpp"
#include "common/text.hpp"

namespace ptyd {

// Reads a record without trusting it: a key that is missing or of another type is a problem.
class RecordReader {
 public:
  RecordReader(const Json& json, std::string& problem) : json_(json), problem_(problem) {}

  template <typename T>
  T get(const char* key) {
    const auto it = json_.find(key);
    if (it == json_.end()) return fail<T>(key, "is missing");
    if constexpr (std::is_same_v<T, std::string>) {
      if (it->is_string()) return it->get<std::string>();
    } else if constexpr (std::is_same_v<T, bool>) {
      if (it->is_boolean()) return it->get<bool>();
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      if (it->is_array() &&
          std::all_of(it->begin(), it->end(), [](const Json& word) { return word.is_string(); }))
        return it->get<std::vector<std::string>>();
    } else if (it->is_number_integer() && std::in_range<T>(it->get<std::int64_t>())) {
      return it->get<T>();
    }
    return fail<T>(key, "is of the wrong type");
  }

  std::optional<WallTime> time(const char* key) {
    const auto it = json_.find(key);
    if (it == json_.end() || it->is_null()) return std::nullopt;
    const auto parsed = it->is_string() ? parse_utc(it->get<std::string>()) : std::nullopt;
    if (!parsed) fail<int>(key, "is no time");
    return parsed;
  }

 private:
  template <typename T>
  T fail(const char* key, const char* what) {
    if (problem_.empty()) problem_ = std::string("'") + key + "' " + what;
    return T{};
  }

  const Json& json_;
  std::string& problem_;
};

}  // namespace ptyd
