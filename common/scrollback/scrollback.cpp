// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/scrollback/scrollback.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/scrollback/packing.hpp"

namespace ptyd {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr auto kHeaderSize = kScrollbackAlignment;  // with the table
constexpr auto kSegment = kScrollbackSegment;
// What does not become smaller than this is not worth its unpacking.
constexpr std::size_t kMaxPacked = kSegment * 3 / 4;

std::error_code errno_code() { return {errno, std::generic_category()}; }

std::uint64_t round_up(std::uint64_t size) { return (size + kSegment - 1) / kSegment * kSegment; }

std::uint64_t file_size(std::uint64_t ring_size) { return kHeaderSize + 2 * ring_size; }

std::uint64_t mapped_size(std::uint64_t ring_size) { return kHeaderSize + 3 * ring_size; }

// One reservation for header, ring, ring again and packed area, mapped over it in two pieces.
std::uint8_t* map_mirrored(int fd, std::uint64_t ring_size) {
  const auto total = mapped_size(ring_size);
  void* area =
      ::mmap(nullptr, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (area == MAP_FAILED) return nullptr;
  auto* base = static_cast<std::uint8_t*>(area);
  constexpr int kAccess = PROT_READ | PROT_WRITE;
  constexpr int kFlags = MAP_SHARED | MAP_FIXED;
  if (::mmap(base, kHeaderSize + ring_size, kAccess, kFlags, fd, 0) == MAP_FAILED ||
      ::mmap(base + kHeaderSize + ring_size, 2 * ring_size, kAccess, kFlags, fd,
             static_cast<off_t>(kHeaderSize)) == MAP_FAILED) {
    const int saved = errno;
    ::munmap(area, total);
    errno = saved;
    return nullptr;
  }
  return base;
}

}  // namespace

std::optional<Scrollback> Scrollback::create(std::uint64_t capacity, std::error_code& error) {
  capacity = round_up(std::clamp(capacity, kMinScrollback, kMaxScrollback));
  const auto ring_size = capacity + round_up(kMaxOutputRead);
  UniqueFd fd(::memfd_create("ptyd-scrollback", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(file_size(ring_size))) < 0 ||
      ::fcntl(fd.get(), F_ADD_SEALS, kScrollbackSeals) < 0) {
    error = errno_code();
    return std::nullopt;
  }
  auto* base = map_mirrored(fd.get(), ring_size);
  if (base == nullptr) {
    error = errno_code();
    return std::nullopt;
  }
  error.clear();
  return Scrollback(std::move(fd), base, capacity, ring_size);
}

Scrollback::Scrollback(UniqueFd fd, std::uint8_t* base, std::uint64_t capacity,
                       std::uint64_t ring_size)
    : fd_(std::move(fd)), base_(base), capacity_(capacity), ring_size_(ring_size) {
  auto& h = header();
  h.magic = ScrollbackHeader::kMagic;
  h.version = kVersion;
  h.data_offset = static_cast<std::uint32_t>(kHeaderSize);
  h.capacity = capacity;
  h.ring_size = ring_size;
  h.packed_offset = kHeaderSize + ring_size;
  h.table_offset = sizeof(ScrollbackHeader);
  h.segment_size = static_cast<std::uint32_t>(kSegment);
}

Scrollback::Scrollback(Scrollback&& other) noexcept
    : fd_(std::move(other.fd_)),
      base_(std::exchange(other.base_, nullptr)),
      capacity_(other.capacity_),
      ring_size_(other.ring_size_),
      head_(other.head_),
      next_to_pack_(other.next_to_pack_) {}

Scrollback::~Scrollback() {
  if (base_ != nullptr) ::munmap(base_, mapped_size(ring_size_));
}

std::span<std::uint8_t> Scrollback::write_area() {
  unpack_between(head_, head_ + kMaxOutputRead);
  return {base_ + kHeaderSize + head_ % ring_size_, kMaxOutputRead};
}

void Scrollback::commit(std::size_t size) {
  head_ += size;
  header().head.store(head_, std::memory_order_release);
}

std::span<const std::uint8_t> Scrollback::view(std::uint64_t position, std::size_t size) const {
  const auto available = std::min<std::uint64_t>(size, head_ - position);
  unpack_between(position, position + available);
  return {base_ + kHeaderSize + position % ring_size_, static_cast<std::size_t>(available)};
}

void Scrollback::set_last_activity(std::int64_t wall_clock_us) {
  header().last_activity_us.store(wall_clock_us, std::memory_order_relaxed);
}

// ---- packing ----

std::atomic<std::uint16_t>& Scrollback::table_entry(std::uint64_t segment) const {
  auto* table = reinterpret_cast<std::atomic<std::uint16_t>*>(base_ + sizeof(ScrollbackHeader));
  return table[segment % (ring_size_ / kSegment)];
}

std::span<std::uint8_t> Scrollback::plain(std::uint64_t segment) const {
  return {base_ + kHeaderSize + segment * kSegment % ring_size_, kSegment};
}

std::span<std::uint8_t> Scrollback::packed(std::uint64_t segment) const {
  return {base_ + kHeaderSize + 2 * ring_size_ + segment * kSegment % ring_size_, kMaxPacked};
}

bool Scrollback::pack_segment() {
  // Not one that the next output may overwrite.
  const auto in_ring = ring_size_ / kSegment;
  const auto full = head_ / kSegment;
  const auto first = full + 2 > in_ring ? full + 2 - in_ring : 0;
  for (auto segment = std::max(next_to_pack_, first); segment < full; ++segment) {
    next_to_pack_ = segment + 1;
    if (table_entry(segment) != 0) continue;
    const auto size = pack(plain(segment), packed(segment));
    if (size == 0) {
      discard(packed(segment));
      continue;
    }
    table_entry(segment).store(static_cast<std::uint16_t>(size), std::memory_order_release);
    header().changes.fetch_add(1, std::memory_order_acq_rel);
    discard(plain(segment));
    return true;
  }
  return false;
}

// Positions, of which the first may be older than oldest().
void Scrollback::unpack_between(std::uint64_t begin, std::uint64_t end) const {
  for (auto segment = begin / kSegment; segment * kSegment < end; ++segment)
    if (table_entry(segment) != 0) unpack_segment(segment);
}

void Scrollback::unpack_segment(std::uint64_t segment) const {
  const auto size = table_entry(segment).load();
  // Its own work: it cannot fail.
  (void)unpack(packed(segment).first(size), plain(segment));
  table_entry(segment).store(0, std::memory_order_release);
  header().changes.fetch_add(1, std::memory_order_acq_rel);
  discard(packed(segment));
  next_to_pack_ = std::min(next_to_pack_, segment);
}

// Gives the memory back; what cannot be given back is only kept longer than need be.
void Scrollback::discard(std::span<const std::uint8_t> copy) const {
  (void)::madvise(const_cast<std::uint8_t*>(copy.data()), copy.size(), MADV_REMOVE);
}

}  // namespace ptyd
