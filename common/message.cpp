// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/message.hpp"

#include <algorithm>

namespace ptyd {

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
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
  Message message;
  message.json = Json::parse(payload.begin(), nul, nullptr, /*allow_exceptions=*/false);
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
    case ErrorCode::kDraining: return "draining";
    case ErrorCode::kLimit: return "limit";
    case ErrorCode::kStartFailed: return "start-failed";
    case ErrorCode::kNotRunning: return "not-running";
    case ErrorCode::kHostLost: return "host-lost";
    case ErrorCode::kTimeout: return "timeout";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kVersion: return "version";
    case ErrorCode::kInternal: return "internal";
  }
  return "internal";
}

Json to_json(const Error& error) {
  Json json{{"code", to_string(error.code)}, {"message", error.message}};
  if (error.error_number != 0) json["errno"] = error.error_number;
  if (!error.stage.empty()) json["stage"] = error.stage;
  return json;
}

}  // namespace ptyd
