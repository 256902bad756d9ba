// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/scrollback/reader.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "common/scrollback/packing.hpp"

namespace ptyd {
namespace {

constexpr auto kSegment = kScrollbackSegment;
constexpr std::uint64_t kMaxFile = 2 * (kMaxScrollback + kMaxOutputRead) + kScrollbackAlignment;
// A segment is read again when one was packed or unpacked meanwhile. Who does that all the time is
// not worth more.
constexpr int kMaxAttempts = 20;

}  // namespace

std::optional<ScrollbackReader> ScrollbackReader::open(UniqueFd memfd, std::error_code& error) {
  error = std::make_error_code(std::errc::invalid_argument);
  if (!memfd) return std::nullopt;
  // Only memory files have seals: no pipe, disk or network file system, whose reads could block,
  // passes. A file that can shrink could end in the middle of a read, one that grows is unbounded.
  const int seals = ::fcntl(memfd.get(), F_GET_SEALS);
  struct stat status {};
  if (seals < 0 || (seals & kScrollbackSeals) != kScrollbackSeals ||
      ::fstat(memfd.get(), &status) < 0 || !S_ISREG(status.st_mode))
    return std::nullopt;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  ScrollbackReader reader(std::move(memfd));
  if (size < sizeof(ScrollbackHeader) || size > kMaxFile ||
      reader.header_field<std::uint64_t>(offsetof(ScrollbackHeader, magic)) !=
          ScrollbackHeader::kMagic)
    return std::nullopt;
  reader.capacity_ = reader.header_field<std::uint64_t>(offsetof(ScrollbackHeader, capacity));
  reader.ring_size_ = reader.header_field<std::uint64_t>(offsetof(ScrollbackHeader, ring_size));
  reader.data_offset_ = reader.header_field<std::uint32_t>(offsetof(ScrollbackHeader, data_offset));
  if (reader.capacity_ == 0 || reader.capacity_ > kMaxScrollback ||
      reader.ring_size_ < reader.capacity_ || reader.ring_size_ > size ||
      reader.data_offset_ > size - reader.ring_size_)
    return std::nullopt;
  reader.packed_offset_ =
      reader.header_field<std::uint64_t>(offsetof(ScrollbackHeader, packed_offset));
  reader.table_offset_ =
      reader.header_field<std::uint32_t>(offsetof(ScrollbackHeader, table_offset));
  const auto segment = reader.header_field<std::uint32_t>(offsetof(ScrollbackHeader, segment_size));
  const auto table_size = reader.ring_size_ / kSegment * sizeof(std::uint16_t);
  if (reader.packed_offset_ != 0 && (segment != kSegment || reader.ring_size_ % kSegment != 0 ||
                                     reader.packed_offset_ > size - reader.ring_size_ ||
                                     table_size > size || reader.table_offset_ > size - table_size))
    return std::nullopt;
  error.clear();
  return reader;
}

bool ScrollbackReader::read_exactly(std::uint64_t offset, std::span<std::uint8_t> to) const {
  while (!to.empty()) {
    const auto n = ::pread(fd_.get(), to.data(), to.size(), static_cast<off_t>(offset));
    if (n <= 0) return false;
    to = to.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return true;
}

template <typename T>
T ScrollbackReader::header_field(std::size_t offset) const {
  T value{};
  return read_exactly(offset, {reinterpret_cast<std::uint8_t*>(&value), sizeof value}) ? value
                                                                                       : T{};
}

std::uint64_t ScrollbackReader::head() const {
  return header_field<std::uint64_t>(offsetof(ScrollbackHeader, head));
}

std::int64_t ScrollbackReader::last_activity_us() const {
  return header_field<std::int64_t>(offsetof(ScrollbackHeader, last_activity_us));
}

std::uint64_t ScrollbackReader::changes() const {
  return packed_offset_ == 0 ? 0 : header_field<std::uint64_t>(offsetof(ScrollbackHeader, changes));
}

ScrollbackReader::Tail ScrollbackReader::tail(std::uint64_t max) const {
  const auto end = head();
  const auto size = std::min({max, capacity_, end});
  Tail tail{end - size, Bytes(size)};
  std::uint64_t lost = 0;  // so many at the beginning: what cannot be read, and what is before it
  for (std::uint64_t done = 0; done < size;) {
    const auto offset = (tail.start + done) % ring_size_;
    const auto piece = std::min({size - done, ring_size_ - offset, kSegment - offset % kSegment});
    const auto to = std::span(tail.bytes).subspan(done, piece);
    done += piece;
    if (!read_ring(offset, to)) lost = done;
  }
  // The writer went on meanwhile: what it may have overwritten is lost, too.
  const auto now = head();
  const auto oldest = now > capacity_ ? now - capacity_ : 0;
  if (oldest > tail.start) lost = std::max(lost, std::min(oldest - tail.start, size));
  tail.bytes.erase(tail.bytes.begin(), tail.bytes.begin() + static_cast<std::ptrdiff_t>(lost));
  tail.start += lost;
  return tail;
}

bool ScrollbackReader::read_ring(std::uint64_t offset, std::span<std::uint8_t> to) const {
  if (packed_offset_ == 0) return read_exactly(data_offset_ + offset, to);
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const auto before = changes();
    const bool good = read_segment(offset, to);
    if (changes() == before) return good;
  }
  return false;
}

bool ScrollbackReader::read_segment(std::uint64_t offset, std::span<std::uint8_t> to) const {
  const auto segment = offset / kSegment;
  std::uint16_t size = 0;
  if (!read_exactly(table_offset_ + segment * sizeof size,
                    {reinterpret_cast<std::uint8_t*>(&size), sizeof size}))
    return false;
  if (size == 0) return read_exactly(data_offset_ + offset, to);
  Bytes packed(size);
  std::array<std::uint8_t, kSegment> plain;
  if (!read_exactly(packed_offset_ + segment * kSegment, packed) || !unpack(packed, plain))
    return false;
  std::copy_n(plain.begin() + static_cast<std::ptrdiff_t>(offset % kSegment), to.size(),
              to.begin());
  return true;
}

}  // namespace ptyd
