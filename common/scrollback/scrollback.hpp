// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <system_error>

#include "common/scrollback/layout.hpp"
#include "common/unique_fd.hpp"

namespace ptyd {

// Keeps the last capacity() bytes a session printed. Positions count bytes since the session began
// and never wrap. Writing never waits for a reader, so no client can stall a command.
//
// The ring is in a sealed memfd, so that it outlives its writer for whoever holds it too, and is
// mapped twice in a row, so that any stretch of it is contiguous. What nobody looks at can be
// packed, in segments; it is unpacked where it is next viewed or overwritten. At any moment, also
// of a crash, the file says truly where each byte is.
class Scrollback {
 public:
  // Rounded up to whole segments. Memory is taken as it is first written to.
  static std::optional<Scrollback> create(std::uint64_t capacity, std::error_code& error);
  Scrollback(Scrollback&& other) noexcept;
  Scrollback& operator=(Scrollback&&) = delete;
  ~Scrollback();

  // Where the next output goes: kMaxOutputRead bytes. Overwrites what is older than oldest().
  [[nodiscard]] std::span<std::uint8_t> write_area();
  // Publishes the first `size` bytes of it.
  void commit(std::size_t size);

  [[nodiscard]] std::uint64_t head() const { return head_; }
  [[nodiscard]] std::uint64_t oldest() const { return head_ > capacity_ ? head_ - capacity_ : 0; }
  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }
  // From `position` (oldest() to head()) at most `size` bytes; valid until the next write_area() or
  // pack_segment().
  [[nodiscard]] std::span<const std::uint8_t> view(std::uint64_t position, std::size_t size) const;

  // Packs the next segment that is full and not packed yet; some 100 microseconds. False when there
  // is none.
  bool pack_segment();

  void set_last_activity(std::int64_t wall_clock_us);
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Scrollback(UniqueFd fd, std::uint8_t* base, std::uint64_t capacity, std::uint64_t ring_size);
  [[nodiscard]] ScrollbackHeader& header() const {
    return *reinterpret_cast<ScrollbackHeader*>(base_);
  }
  [[nodiscard]] std::atomic<std::uint16_t>& table_entry(std::uint64_t segment) const;
  [[nodiscard]] std::span<std::uint8_t> plain(std::uint64_t segment) const;
  [[nodiscard]] std::span<std::uint8_t> packed(std::uint64_t segment) const;
  void unpack_between(std::uint64_t begin, std::uint64_t end) const;
  void unpack_segment(std::uint64_t segment) const;
  void discard(std::span<const std::uint8_t> copy) const;

  UniqueFd fd_;
  std::uint8_t* base_ = nullptr;  // header and table, ring, ring again, packed area
  std::uint64_t capacity_;
  std::uint64_t ring_size_;
  std::uint64_t head_ = 0;
  // Segments are counted like positions here. Those before have been packed, or cannot be.
  mutable std::uint64_t next_to_pack_ = 0;
};

}  // namespace ptyd
