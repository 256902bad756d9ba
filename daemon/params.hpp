// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/message.hpp"
#include "daemon/result.hpp"

namespace ptyd {

// The params of one request. Each getter names the key it wants; the first thing that is wrong is
// kept, and finish() also finds keys that nobody asked for, so a misspelt one is not without
// effect.
class Params {
 public:
  explicit Params(const Json& request);

  std::string text(const char* key);  // "" when absent
  std::string required_text(const char* key);
  bool flag(const char* key);  // false when absent
  std::optional<std::uint64_t> number(
      const char* key, std::uint64_t max = std::numeric_limits<std::uint32_t>::max());
  std::uint64_t required_number(const char* key, std::uint64_t max);
  std::vector<std::string> texts(const char* key);
  // An object of texts, as "KEY=value".
  std::vector<std::string> assignments(const char* key);
  // The value is of the right type, but still not right.
  void wrong(const char* key, const char* expected);

  [[nodiscard]] Status finish() const;

 private:
  const Json* find(const char* key);

  Json params_;
  std::set<std::string> known_;
  std::string problem_;
};

}  // namespace ptyd
