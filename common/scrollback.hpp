// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include "common/unique_fd.hpp"
#include "common/wire.hpp"

namespace ptyd {

// The most one read from the PTY may take: a read from a PTY master gives up to 19 KiB.
inline constexpr std::size_t kMaxOutputRead = 64 * 1024;
inline constexpr std::uint64_t kMinScrollback = 64 * 1024;
inline constexpr std::uint64_t kMaxScrollback = 1024 * 1024 * 1024;

// First page of the memfd. Shared with other processes and with other versions of ptyd, so fields
// are only ever added; the writer alone writes.
struct ScrollbackHeader {
  static constexpr std::uint64_t kMagic = 0x6c6c6f7263737470;  // "ptscroll"
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t data_offset;  // of the ring in the file
  std::uint64_t capacity;     // bytes that stay readable
  std::uint64_t ring_size;    // capacity and room for a write in progress; a multiple of the page
  std::atomic<std::uint64_t> head;             // bytes printed since the session began
  std::atomic<std::int64_t> last_activity_us;  // wall clock: the last input or output
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// Keeps the last capacity() bytes a session printed. Positions count bytes since the session began
// and never wrap. Writing never waits for a reader, so no client can stall a command.
//
// The ring is a sealed memfd, so that it outlives its writer for whoever holds it too, and is
// mapped twice in a row, so that any stretch of it is contiguous.
class Scrollback {
 public:
  // Rounded up to whole pages. Memory is taken as it is first written to.
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
  // From `position` (oldest() to head()) at most `size` bytes; valid until the next write_area().
  [[nodiscard]] std::span<const std::uint8_t> view(std::uint64_t position, std::size_t size) const;

  void set_last_activity(std::int64_t wall_clock_us);
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Scrollback(UniqueFd fd, std::uint8_t* base, std::uint64_t capacity, std::uint64_t ring_size);
  [[nodiscard]] ScrollbackHeader& header() const {
    return *reinterpret_cast<ScrollbackHeader*>(base_);
  }

  UniqueFd fd_;
  std::uint8_t* base_ = nullptr;  // header page, ring, ring again
  std::uint64_t capacity_;
  std::uint64_t ring_size_;
  std::uint64_t head_ = 0;
};

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

  UniqueFd fd_;
  std::uint64_t capacity_ = 0;
  std::uint64_t ring_size_ = 0;
  std::uint32_t data_offset_ = 0;
};

}  // namespace ptyd
