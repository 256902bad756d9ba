// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <system_error>

#include "common/scrollback/layout.hpp"
#include "common/unique_fd.hpp"
#include "common/wire.hpp"

namespace ptyd {

// Reads the scrollback of a process that is not trusted: with pread(2) alone, never through a
// mapping, from a file that is checked to be sealed memory.
class ScrollbackReader {
 public:
  static std::optional<ScrollbackReader> open(UniqueFd memfd, std::error_code& error);

  struct Tail {
    std::uint64_t start = 0;  // position of the first byte
    Bytes bytes;
  };
  // The last `max` bytes or fewer. What is overwritten while it is read is left out.
  [[nodiscard]] Tail tail(std::uint64_t max) const;
  [[nodiscard]] std::uint64_t head() const;
  [[nodiscard]] std::int64_t last_activity_us() const;
  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }

 private:
  explicit ScrollbackReader(UniqueFd fd) : fd_(std::move(fd)) {}
  template <typename T>
  [[nodiscard]] T header_field(std::size_t offset) const;
  [[nodiscard]] bool read_exactly(std::uint64_t offset, std::span<std::uint8_t> to) const;
  [[nodiscard]] std::uint64_t changes() const;
  // From the offset in the ring, not beyond the end of its segment.
  [[nodiscard]] bool read_ring(std::uint64_t offset, std::span<std::uint8_t> to) const;
  [[nodiscard]] bool read_segment(std::uint64_t offset, std::span<std::uint8_t> to) const;

  UniqueFd fd_;
  std::uint64_t capacity_ = 0;
  std::uint64_t ring_size_ = 0;
  std::uint64_t packed_offset_ = 0;  // 0: nothing is ever packed
  std::uint32_t data_offset_ = 0;
  std::uint32_t table_offset_ = 0;
};

}  // namespace ptyd
