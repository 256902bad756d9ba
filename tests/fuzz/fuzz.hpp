// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

// What libFuzzer calls with each input; also called by replay.cpp.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace ptyd::fuzz {

using Input = std::span<const std::uint8_t>;

// A broken promise: what the fuzzer looks for, besides crashes.
inline void require(bool condition) {
  if (!condition) std::abort();
}

// The first byte, which chooses what is done with the rest; 0 when there is none.
inline std::uint8_t take_byte(Input& input) {
  if (input.empty()) return 0;
  const auto byte = input.front();
  input = input.subspan(1);
  return byte;
}

// Gives the input to `feed` in pieces whose sizes follow from `seed`.
template <typename Feed>
void in_pieces(Input input, std::uint8_t seed, Feed feed) {
  std::uint32_t state = seed;
  while (!input.empty()) {
    state = state * 1664525 + 1013904223;
    const auto size = std::min<std::size_t>(1 + (state >> 24) % 16, input.size());
    feed(input.first(size));
    input = input.subspan(size);
  }
}

}  // namespace ptyd::fuzz
