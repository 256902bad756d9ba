// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/scrollback/packing.hpp"

#include <lz4.h>

namespace ptyd {
namespace {

const char* chars(const std::uint8_t* bytes) { return reinterpret_cast<const char*>(bytes); }
char* chars(std::uint8_t* bytes) { return reinterpret_cast<char*>(bytes); }

}  // namespace

std::size_t pack(std::span<const std::uint8_t> plain, std::span<std::uint8_t> packed) {
  const int size =
      ::LZ4_compress_default(chars(plain.data()), chars(packed.data()),
                             static_cast<int>(plain.size()), static_cast<int>(packed.size()));
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

bool unpack(std::span<const std::uint8_t> packed, std::span<std::uint8_t> plain) {
  const auto size = static_cast<int>(plain.size());
  return ::LZ4_decompress_safe(chars(packed.data()), chars(plain.data()),
                               static_cast<int>(packed.size()), size) == size;
}

}  // namespace ptyd
