// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/result.hpp"
#include "dbus/sdbus_compat.hpp"

namespace ptyd {

using VariantMap = std::map<std::string, sdbus::Variant>;

// The a{sv} of one call. Each getter names the key it wants, and the type is the getter's own, no
// other. The first thing that is wrong is kept, and finish() also finds keys that nobody asked for.
class Options {
 public:
  explicit Options(const VariantMap& values) : values_(values) {}

  std::string text(const char* key);                      // s; "" when absent
  bool flag(const char* key);                             // b; false when absent
  std::optional<std::uint16_t> u16(const char* key);      // q
  std::optional<std::uint32_t> u32(const char* key);      // u
  std::optional<std::uint64_t> u64(const char* key);      // t
  std::vector<std::string> texts(const char* key);        // as
  std::vector<std::string> assignments(const char* key);  // a{ss}, as "KEY=value"
  // The value is of the right type, but still not right.
  void wrong(const char* key, const char* expected);

  [[nodiscard]] Status finish() const;

 private:
  template <typename T>
  std::optional<T> get(const char* key, const char* type);

  const VariantMap& values_;
  std::set<std::string> known_;
  std::string problem_;
};

}  // namespace ptyd
