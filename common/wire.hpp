// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ptyd {

using Bytes = std::vector<std::uint8_t>;

inline std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Builds the binary payloads of docs/protocol.md: little-endian integers; a string or a list is its
// u32 length followed by its content.
class WireWriter {
 public:
  WireWriter& u8(std::uint8_t v) { return integer(v); }
  WireWriter& u16(std::uint16_t v) { return integer(v); }
  WireWriter& u32(std::uint32_t v) { return integer(v); }
  WireWriter& u64(std::uint64_t v) { return integer(v); }
  WireWriter& i32(std::int32_t v) { return integer(static_cast<std::uint32_t>(v)); }
  WireWriter& i64(std::int64_t v) { return integer(static_cast<std::uint64_t>(v)); }
  WireWriter& raw(std::span<const std::uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  WireWriter& text(std::string_view v) {
    u32(static_cast<std::uint32_t>(v.size()));
    return raw(as_bytes(v));
  }
  WireWriter& texts(const std::vector<std::string>& list) {
    u32(static_cast<std::uint32_t>(list.size()));
    for (const auto& v : list) text(v);
    return *this;
  }
  [[nodiscard]] Bytes take() { return std::move(bytes_); }

 private:
  template <typename T>
  WireWriter& integer(T v) {
    for (std::size_t i = 0; i < sizeof(T); ++i)
      bytes_.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
    return *this;
  }
  Bytes bytes_;
};

// Reads such payloads from strangers. Fields are only ever added at the end of a payload, so one
// that ends before a field gives that field's default (an older sender), and bytes after the last
// known field are ignored (a newer sender). A field cut in the middle makes ok() false.
class WireReader {
 public:
  explicit WireReader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  [[nodiscard]] bool ok() const { return ok_; }
  std::uint8_t u8(std::uint8_t fallback = 0) { return integer(fallback); }
  std::uint16_t u16(std::uint16_t fallback = 0) { return integer(fallback); }
  std::uint32_t u32(std::uint32_t fallback = 0) { return integer(fallback); }
  std::uint64_t u64(std::uint64_t fallback = 0) { return integer(fallback); }
  std::int32_t i32() { return static_cast<std::int32_t>(u32()); }
  std::int64_t i64() { return static_cast<std::int64_t>(u64()); }
  std::string text() { return std::string(as_text(take(u32()))); }
  std::vector<std::string> texts() {
    std::vector<std::string> list;
    const auto count = u32();
    // Each string takes at least its length field, so a count the payload cannot hold is a lie.
    if (count > rest_.size() / sizeof(std::uint32_t)) {
      ok_ = false;
      return list;
    }
    list.reserve(count);
    for (std::uint32_t i = 0; i < count && ok_; ++i) list.push_back(text());
    return list;
  }
  std::span<const std::uint8_t> remaining() { return take(rest_.size()); }

 private:
  std::span<const std::uint8_t> take(std::size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  template <typename T>
  T integer(T fallback) {
    if (rest_.empty()) return fallback;
    const auto bytes = take(sizeof(T));
    if (bytes.size() != sizeof(T)) return fallback;
    T v = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) v = static_cast<T>(v | T{bytes[i]} << (8 * i));
    return v;
  }
  std::span<const std::uint8_t> rest_;
  bool ok_ = true;
};

}  // namespace ptyd
