// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include "common/text.hpp"
#include "common/wire.hpp"

namespace ptyd {

using Json = nlohmann::json;

// The payload of REQUEST, ITEM, REPLY and EVENT: one JSON object, and, for what is no text (input,
// scrollback), a NUL byte and raw bytes behind it.
// NOLINTNEXTLINE(bugprone-exception-escape): a value of the JSON library moves without throwing
struct Message {
  Json json;
  Bytes body;
};

Bytes encode_message(const Json& json, std::span<const std::uint8_t> body = {});
// Nothing for what is not one JSON object in UTF-8, or is nested more than 32 deep.
std::optional<Message> decode_message(std::span<const std::uint8_t> payload);
// JSON text on one line; bytes that are no UTF-8 become U+FFFD.
std::string to_text(const Json& json);
// As format_utc() has it.
Json time_or_null(const std::optional<WallTime>& time);

// Members of JSON objects that came over the wire: what is missing or of another type reads as
// empty, 0 or nothing.
std::string text_of(const Json& object, const char* key);
std::int64_t number_of(const Json& object, const char* key);
bool flag_of(const Json& object, const char* key);
std::optional<WallTime> time_of(const Json& object, const char* key);

// The stable error codes of docs/protocol.md, in JSON replies and ERROR frames alike.
enum class ErrorCode {
  kBadRequest,       // "bad-request"
  kNotFound,         // "not-found": no such session, or none that the caller may see
  kExists,           // "exists"
  kDenied,           // "denied"
  kShuttingDown,     // "shutting-down"
  kRestarting,       // "restarting": the next daemon will do it
  kDraining,         // "draining"
  kLimit,            // "limit"
  kStartFailed,      // "start-failed": with errno and stage
  kNotRunning,       // "not-running"
  kHostLost,         // "host-lost"
  kTimeout,          // "timeout"
  kUnsupported,      // "unsupported"
  kVersionMismatch,  // "version"
  kInternal,         // "internal"
};
const char* to_string(ErrorCode code);

// Why a request failed, for a person (message) and for a program (code).
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  int error_number = 0;  // errno, when the kernel said no
  std::string stage{};   // kStartFailed: what was being done
  // A hint for programs: try again, but no sooner than this.
  std::optional<std::chrono::milliseconds> retry_after{};
};
Json to_json(const Error& error);

}  // namespace ptyd
