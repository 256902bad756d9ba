// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/params.hpp"

#include "common/text.hpp"

namespace ptyd {

Params::Params(const Json& request) {
  const auto it = request.find("params");
  if (it == request.end()) {
    params_ = Json::object();
  } else if (it->is_object()) {
    params_ = *it;
  } else {
    params_ = Json::object();
    problem_ = "params must be an object";
  }
}

const Json* Params::find(const char* key) {
  known_.insert(key);
  const auto it = params_.find(key);
  return it == params_.end() || it->is_null() ? nullptr : &*it;
}

void Params::wrong(const char* key, const char* expected) {
  if (problem_.empty()) problem_ = std::string("'") + key + "' must be " + expected;
}

std::string Params::text(const char* key) {
  const auto* value = find(key);
  if (value == nullptr) return {};
  if (value->is_string()) return value->get<std::string>();
  wrong(key, "a text");
  return {};
}

std::string Params::required_text(const char* key) {
  auto value = text(key);
  if (value.empty()) wrong(key, "given");
  return value;
}

bool Params::flag(const char* key) {
  const auto* value = find(key);
  if (value == nullptr) return false;
  if (value->is_boolean()) return value->get<bool>();
  wrong(key, "true or false");
  return false;
}

std::optional<std::uint64_t> Params::number(const char* key, std::uint64_t max) {
  const auto* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_unsigned() && value->get<std::uint64_t>() <= max)
    return value->get<std::uint64_t>();
  wrong(key, ("a whole number up to " + std::to_string(max)).c_str());
  return std::nullopt;
}

std::uint64_t Params::required_number(const char* key, std::uint64_t max) {
  const auto value = number(key, max);
  if (!value) wrong(key, "given");
  return value.value_or(0);
}

std::vector<std::string> Params::texts(const char* key) {
  const auto* value = find(key);
  std::vector<std::string> list;
  if (value == nullptr) return list;
  if (!value->is_array()) {
    wrong(key, "a list of texts");
    return list;
  }
  for (const auto& word : *value) {
    if (!word.is_string()) {
      wrong(key, "a list of texts");
      return {};
    }
    list.push_back(word.get<std::string>());
  }
  return list;
}

std::vector<std::string> Params::assignments(const char* key) {
  const auto* value = find(key);
  std::vector<std::string> list;
  if (value == nullptr) return list;
  if (!value->is_object()) {
    wrong(key, "an object of texts");
    return list;
  }
  for (const auto& [name, text] : value->items()) {
    if (!text.is_string()) {
      wrong(key, "an object of texts");
      return {};
    }
    list.push_back(name + "=" + text.get<std::string>());
  }
  return list;
}

Status Params::finish() const {
  if (!problem_.empty()) return Error{ErrorCode::kBadRequest, problem_};
  for (const auto& [key, value] : params_.items())
    if (known_.count(key) == 0)
      return Error{ErrorCode::kBadRequest, "unknown parameter '" + printable(key) + "'"};
  return ok();
}

}  // namespace ptyd
