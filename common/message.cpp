// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/message.hpp"

#include <algorithm>

namespace ptyd {
namespace {

// Deeper than any message of the protocol. A value as deep as a frame could make it would use up
// the stack of whoever copies or prints it, which the JSON library does by recursion.
constexpr int kMaxDepth = 32;

bool too_deep(std::span<const std::uint8_t> json) {
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const auto c = json[i];
    if (in_text && c == '\\') {
      ++i;  // whatever is escaped
    } else if (c == '"') {
      in_text = !in_text;
    } else if (!in_text && (c == '[' || c == '{')) {
      if (++depth > kMaxDepth) return true;
    } else if (!in_text && (c == ']' || c == '}')) {
      --depth;
    }
  }
  return false;
}

const Json* member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

}  // namespace

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json time_or_null(const std::optional<WallTime>& time) {
  return time ? Json(format_utc(*time)) : Json(nullptr);
}

std::string text_of(const Json& object, const char* key) {
  const auto* text = member(object, key);
  return text != nullptr && text->is_string() ? text->get<std::string>() : std::string();
}

std::int64_t number_of(const Json& object, const char* key) {
  const auto* number = member(object, key);
  return number != nullptr && number->is_number_integer() ? number->get<std::int64_t>() : 0;
}

std::optional<WallTime> time_of(const Json& object, const char* key) {
  return parse_utc(text_of(object, key));
}

bool flag_of(const Json& object, const char* key) {
  const auto* flag = member(object, key);
  return flag != nullptr && flag->is_boolean() && flag->get<bool>();
}

Bytes encode_message(const Json& json, std::span<const std::uint8_t> body) {
  const auto text = to_text(json);
  Bytes payload(text.begin(), text.end());
  if (!body.empty()) {
    payload.push_back(0);
    payload.insert(payload.end(), body.begin(), body.end());
  }
  return payload;
}

std::optional<Message> decode_message(std::span<const std::uint8_t> payload) {
  const auto nul = std::find(payload.begin(), payload.end(), std::uint8_t{0});
  const auto text = payload.first(static_cast<std::size_t>(nul - payload.begin()));
  if (too_deep(text)) return std::nullopt;
  Message message;
  message.json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!message.json.is_object()) return std::nullopt;
  if (nul != payload.end()) message.body.assign(nul + 1, payload.end());
  return message;
}

const char* to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadRequest: return "bad-request";
    case ErrorCode::kNotFound: return "not-found";
    case ErrorCode::kExists: return "exists";
    case ErrorCode::kDenied: return "denied";
    case ErrorCode::kShuttingDown: return "shutting-down";
    case ErrorCode::kRestarting: return "restarting";
    case ErrorCode::kDraining: return "draining";
    case ErrorCode::kLimit: return "limit";
    case ErrorCode::kStartFailed: return "start-failed";
    case ErrorCode::kNotRunning: return "not-running";
    case ErrorCode::kHostLost: return "host-lost";
    case ErrorCode::kTimeout: return "timeout";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kVersionMismatch: return "version";
    case ErrorCode::kInternal: return "internal";
  }
  return "internal";
}

Json to_json(const Error& error) {
  Json json{{"code", to_string(error.code)}, {"message", error.message}};
  if (error.error_number != 0) json["errno"] = error.error_number;
  if (!error.stage.empty()) json["stage"] = error.stage;
  if (error.retry_after) json["retryAfterMs"] = error.retry_after->count();
  return json;
}

}  // namespace ptyd
