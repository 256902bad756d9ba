// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/version.hpp"

#include "common/protocol.hpp"

namespace ptyd {

const char* const kVersion = PTYD_VERSION;

std::string version_text(std::string_view program, std::string_view libraries) {
  std::string text = std::string(program) + " " + kVersion + "\nprotocol ";
  if (kProtocolMin != kProtocolMax) text += std::to_string(kProtocolMin) + " to ";
  text += std::to_string(kProtocolMax);
  if (!libraries.empty()) text += "; with " + std::string(libraries);
  return text;
}

}  // namespace ptyd
