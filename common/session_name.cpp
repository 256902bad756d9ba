// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/session_name.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <system_error>

#include "common/text.hpp"

namespace ptyd {
namespace {

constexpr std::size_t kIdLength = 16;
constexpr char kHex[] = "0123456789abcdef";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

void fill_random(std::span<std::uint8_t> bytes) {
  // Up to 256 bytes are never cut short and do not block once the machine is up (getrandom(2)).
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw std::system_error(errno, std::generic_category(), "getrandom");
}

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string out;
  for (const auto byte : bytes) {
    out += kHex[byte >> 4];
    out += kHex[byte & 0xf];
  }
  return out;
}

}  // namespace

std::string session_name_problem(std::string_view name) {
  if (name.empty()) return "a session name must not be empty";
  if (name.size() > kMaxSessionName)
    return "session name has " + std::to_string(name.size()) + " characters, at most " +
           std::to_string(kMaxSessionName) + " are allowed";
  if (!std::all_of(name.begin(), name.end(), is_name_character))
    return "session name '" + printable(name) + "' may only have A-Z a-z 0-9 _ . -";
  if (name == "." || name == "..") return "'" + std::string(name) + "' is no session name";
  if (name.front() == '-') return "session name '" + std::string(name) + "' must not begin with -";
  if (is_session_id(name))
    return "'" + std::string(name) + "' looks like a session id, choose another name";
  return {};
}

bool is_session_id(std::string_view text) {
  return text.size() == kIdLength && text.find_first_not_of(kHex) == std::string_view::npos;
}

std::string new_session_id() {
  std::array<std::uint8_t, kIdLength / 2> bytes{};
  fill_random(bytes);
  return hex(bytes);
}

std::string new_uuid() {
  std::array<std::uint8_t, 16> bytes{};
  fill_random(bytes);
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  auto text = hex(bytes);
  for (const std::size_t at : {20U, 16U, 12U, 8U}) text.insert(at, 1, '-');
  return text;
}

}  // namespace ptyd
