// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/options.hpp"

#include "common/text.hpp"

namespace ptyd {

template <typename T>
std::optional<T> Options::get(const char* key, const char* type) {
  known_.insert(key);
  const auto it = values_.find(key);
  if (it == values_.end()) return std::nullopt;
  if (it->second.containsValueOfType<T>()) return it->second.get<T>();
  wrong(key, type);
  return std::nullopt;
}

std::string Options::text(const char* key) {
  return get<std::string>(key, "a string (s)").value_or("");
}
bool Options::flag(const char* key) { return get<bool>(key, "a boolean (b)").value_or(false); }
std::optional<std::uint16_t> Options::u16(const char* key) {
  return get<std::uint16_t>(key, "a 16-bit number (q)");
}
std::optional<std::uint32_t> Options::u32(const char* key) {
  return get<std::uint32_t>(key, "a 32-bit number (u)");
}
std::optional<std::uint64_t> Options::u64(const char* key) {
  return get<std::uint64_t>(key, "a 64-bit number (t)");
}
std::vector<std::string> Options::texts(const char* key) {
  return get<std::vector<std::string>>(key, "a list of strings (as)")
      .value_or(std::vector<std::string>());
}

std::vector<std::string> Options::assignments(const char* key) {
  using Map = std::map<std::string, std::string>;
  std::vector<std::string> list;
  const auto entries = get<Map>(key, "a dictionary of strings (a{ss})").value_or(Map());
  for (const auto& [name, value] : entries) list.emplace_back(name).append("=").append(value);
  return list;
}

void Options::wrong(const char* key, const char* expected) {
  if (problem_.empty()) problem_ = std::string("'") + key + "' must be " + expected;
}

Status Options::finish() const {
  if (!problem_.empty()) return Error{ErrorCode::kBadRequest, problem_};
  for (const auto& [key, value] : values_)
    if (known_.count(key) == 0)
      return Error{ErrorCode::kBadRequest, "unknown parameter '" + printable(key) + "'"};
  return ok();
}

}  // namespace ptyd
