// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/protocol.hpp"

#include <algorithm>

namespace ptyd {
namespace {

std::string range(std::uint16_t min, std::uint16_t max) {
  return min == max ? std::to_string(min) : std::to_string(min) + " to " + std::to_string(max);
}

}  // namespace

Bytes encode_hello(const Hello& hello) {
  WireWriter out;
  out.raw(as_bytes(kProtocolMagic));
  out.u16(hello.min_version).u16(hello.max_version);
  out.u8(static_cast<std::uint8_t>(hello.role)).text(hello.software);
  return out.take();
}

std::optional<Hello> decode_hello(std::span<const std::uint8_t> payload) {
  const auto magic = as_bytes(kProtocolMagic);
  if (payload.size() < magic.size() || !std::equal(magic.begin(), magic.end(), payload.begin()))
    return std::nullopt;
  WireReader in(payload.subspan(magic.size()));
  Hello hello;
  hello.min_version = in.u16();
  hello.max_version = in.u16();
  hello.role = static_cast<Role>(in.u8());
  hello.software = in.text();
  if (!in.ok() || hello.min_version == 0 || hello.min_version > hello.max_version)
    return std::nullopt;
  return hello;
}

std::optional<std::uint16_t> common_version(const Hello& theirs) {
  const auto highest = std::min(kProtocolMax, theirs.max_version);
  if (highest < std::max(kProtocolMin, theirs.min_version)) return std::nullopt;
  return highest;
}

std::string version_mismatch(const Hello& theirs, const std::string& their_name) {
  const bool they_are_old = theirs.max_version < kProtocolMin;
  return their_name + " speaks protocol " + range(theirs.min_version, theirs.max_version) +
         ", this side " + range(kProtocolMin, kProtocolMax) + ": upgrade " +
         (they_are_old ? their_name : "this side");
}

bool is_command_small_enough(const std::vector<std::string>& command,
                             const std::vector<std::string>& environment, const std::string& cwd) {
  std::size_t bytes = cwd.size();
  for (const auto* words : {&command, &environment})
    for (const auto& word : *words) bytes += word.size() + sizeof(std::uint32_t);
  return command.size() + environment.size() <= kMaxCommandWords && bytes <= kMaxCommandBytes;
}

std::optional<Restore> parse_restore(std::string_view word) {
  for (const auto& [known, restore] : kRestoreWords)
    if (word == known) return restore;
  return std::nullopt;
}

bool is_valid(TerminalSize size) {
  return size.rows > 0 && size.columns > 0 && size.rows <= kMaxTerminalSide &&
         size.columns <= kMaxTerminalSide;
}

}  // namespace ptyd
