// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/terminal_text.hpp"

#include "common/text.hpp"
#include "ctl/escape_filter.hpp"

namespace ptyd {
namespace {

void erase_last_character(std::string& line) {
  const auto continues = [](char c) { return (static_cast<std::uint8_t>(c) & 0xc0) == 0x80; };
  while (!line.empty() && continues(line.back())) line.pop_back();
  if (!line.empty()) line.pop_back();
}

}  // namespace

std::vector<std::string> plain_lines(std::span<const std::uint8_t> output) {
  EscapeFilter filter;
  std::vector<std::string> lines;
  std::string line;
  bool returned = false;  // what comes next overwrites the line
  for (const auto byte : output) {
    if (filter.swallow(byte)) continue;
    if (byte == '\n') {
      lines.push_back(printable(line));
      line.clear();
      returned = false;
    } else if (byte == '\r') {
      returned = true;
    } else if (byte == '\b') {
      erase_last_character(line);
    } else if (byte == '\t' || byte >= 0x20) {
      if (returned) line.clear();
      returned = false;
      line += byte == '\t' ? ' ' : static_cast<char>(byte);
    }
  }
  lines.push_back(printable(line));
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

}  // namespace ptyd
