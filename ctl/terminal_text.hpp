// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ptyd {

// What a terminal would roughly have left on its lines: no escape sequences, text overwritten after
// a carriage return gone, lines printable. Empty lines at the end are dropped.
std::vector<std::string> plain_lines(std::span<const std::uint8_t> output);

}  // namespace ptyd
