// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <span>

namespace ptyd {

// Compresses into `packed`, which is smaller, as an LZ4 block. How long that is; 0 if it does not
// fit.
std::size_t pack(std::span<const std::uint8_t> plain, std::span<std::uint8_t> packed);
// False unless `packed`, which a stranger may have made, is a block of just plain.size() bytes.
bool unpack(std::span<const std::uint8_t> packed, std::span<std::uint8_t> plain);

}  // namespace ptyd
