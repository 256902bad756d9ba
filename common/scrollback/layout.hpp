// SPDX-License-Identifier: LGPL-2.1-or-later
// What a scrollback's memfd is made of: the header and the table in its first pages, the ring, and
// as much room again for packed segments. What was never written takes no memory.
#pragma once

#include <fcntl.h>

#include <atomic>
#include <cstdint>

namespace ptyd {

// The most one read from the PTY may take: a read from a PTY master gives up to 19 KiB.
inline constexpr std::size_t kMaxOutputRead = 64 * 1024;
inline constexpr std::uint64_t kMinScrollback = 64 * 1024;
inline constexpr std::uint64_t kMaxScrollback = 1024 * 1024 * 1024;

// Of everything in the file. Not the page size of this machine: it must suit any page size up to
// this, and a page that is never touched costs nothing.
inline constexpr std::uint64_t kScrollbackAlignment = 64 * 1024;
// The ring is packed in pieces of this size; a multiple of the alignment.
inline constexpr std::uint64_t kScrollbackSegment = 64 * 1024;
// Nobody can make the file end in the middle of a read, or grow.
inline constexpr int kScrollbackSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

// Shared with other processes and with other versions of ptyd, so fields are only ever added, and
// zero means that the writer knows nothing of them; the writer alone writes.
struct ScrollbackHeader {
  static constexpr std::uint64_t kMagic = 0x6c6c6f7263737470;  // "ptscroll"
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t data_offset;                   // of the ring in the file
  std::uint64_t capacity;                      // bytes that stay readable
  std::uint64_t ring_size;                     // capacity and room for a write in progress
  std::atomic<std::uint64_t> head;             // bytes printed since the session began
  std::atomic<std::int64_t> last_activity_us;  // wall clock: the last input or output
  // A segment of the ring that is packed has its size in the table, a u16 a segment, and its
  // content, an LZ4 block, in the packed area, as far from the beginning of that as the segment is
  // from that of the ring. Zero in the table: it is in the ring as it was printed.
  std::uint64_t packed_offset;  // of the packed area in the file
  std::uint32_t table_offset;   // in the file
  std::uint32_t segment_size;   // kScrollbackSegment
  // Counts changes of the table. Whoever finds the same count before and after reading has read
  // what belongs together: a copy is only discarded after the other one has been counted.
  std::atomic<std::uint64_t> changes;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic<std::uint16_t>::is_always_lock_free);
// The table of the largest scrollback fits behind the header.
static_assert(sizeof(ScrollbackHeader) +
                  (kMaxScrollback + kMaxOutputRead) / kScrollbackSegment * sizeof(std::uint16_t) <=
              kScrollbackAlignment);

}  // namespace ptyd
