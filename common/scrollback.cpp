// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/scrollback.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

namespace ptyd {
namespace {

constexpr std::uint32_t kVersion = 1;
// Not the page size of this machine: the offset must suit any page size up to 64 KiB, and a page
// that is never touched costs nothing.
constexpr std::uint64_t kAlignment = 64 * 1024;
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

std::error_code errno_code() { return {errno, std::generic_category()}; }

std::uint64_t round_up(std::uint64_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

// One reservation for header, ring and ring again; the halves are then mapped over it.
std::uint8_t* map_mirrored(int fd, std::uint64_t ring_size) {
  const auto total = kAlignment + 2 * ring_size;
  void* area =
      ::mmap(nullptr, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (area == MAP_FAILED) return nullptr;
  auto* base = static_cast<std::uint8_t*>(area);
  constexpr int kAccess = PROT_READ | PROT_WRITE;
  constexpr int kFlags = MAP_SHARED | MAP_FIXED;
  if (::mmap(base, kAlignment + ring_size, kAccess, kFlags, fd, 0) == MAP_FAILED ||
      ::mmap(base + kAlignment + ring_size, ring_size, kAccess, kFlags, fd,
             static_cast<off_t>(kAlignment)) == MAP_FAILED) {
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
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(kAlignment + ring_size)) < 0 ||
      ::fcntl(fd.get(), F_ADD_SEALS, kSeals) < 0) {
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
  h.data_offset = static_cast<std::uint32_t>(kAlignment);
  h.capacity = capacity;
  h.ring_size = ring_size;
}

Scrollback::Scrollback(Scrollback&& other) noexcept
    : fd_(std::move(other.fd_)),
      base_(std::exchange(other.base_, nullptr)),
      capacity_(other.capacity_),
      ring_size_(other.ring_size_),
      head_(other.head_) {}

Scrollback::~Scrollback() {
  if (base_ != nullptr) ::munmap(base_, kAlignment + 2 * ring_size_);
}

std::span<std::uint8_t> Scrollback::write_area() {
  return {base_ + kAlignment + head_ % ring_size_, kMaxOutputRead};
}

void Scrollback::commit(std::size_t size) {
  head_ += size;
  header().head.store(head_, std::memory_order_release);
}

std::span<const std::uint8_t> Scrollback::view(std::uint64_t position, std::size_t size) const {
  const auto available = static_cast<std::size_t>(head_ - position);
  return {base_ + kAlignment + position % ring_size_, std::min(size, available)};
}

void Scrollback::set_last_activity(std::int64_t wall_clock_us) {
  header().last_activity_us.store(wall_clock_us, std::memory_order_relaxed);
}

std::optional<ScrollbackReader> ScrollbackReader::open(UniqueFd memfd, std::error_code& error) {
  error = std::make_error_code(std::errc::invalid_argument);
  if (!memfd) return std::nullopt;
  // Only memory files have seals: no pipe, disk or network file system, whose reads could block,
  // passes. A file that can shrink could end in the middle of a read, one that grows is unbounded.
  const int seals = ::fcntl(memfd.get(), F_GET_SEALS);
  struct stat status {};
  if (seals < 0 || (seals & kSeals) != kSeals || ::fstat(memfd.get(), &status) < 0 ||
      !S_ISREG(status.st_mode))
    return std::nullopt;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  ScrollbackReader reader(std::move(memfd));
  if (size < sizeof(ScrollbackHeader) || size > kMaxScrollback + 4 * kAlignment ||
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
  error.clear();
  return reader;
}

template <typename T>
T ScrollbackReader::header_field(std::size_t offset) const {
  T value{};
  if (::pread(fd_.get(), &value, sizeof value, static_cast<off_t>(offset)) !=
      static_cast<ssize_t>(sizeof value))
    return T{};
  return value;
}

std::uint64_t ScrollbackReader::head() const {
  return header_field<std::uint64_t>(offsetof(ScrollbackHeader, head));
}

std::int64_t ScrollbackReader::last_activity_us() const {
  return header_field<std::int64_t>(offsetof(ScrollbackHeader, last_activity_us));
}

ScrollbackReader::Tail ScrollbackReader::tail(std::uint64_t max) const {
  const auto end = head();
  const auto size = std::min({max, capacity_, end});
  Tail tail{end - size, Bytes(size)};
  std::uint64_t done = 0;
  while (done < size) {
    const auto offset = (tail.start + done) % ring_size_;
    const auto piece = std::min(size - done, ring_size_ - offset);
    const auto n = ::pread(fd_.get(), tail.bytes.data() + done, piece,
                           static_cast<off_t>(data_offset_ + offset));
    if (n <= 0) break;
    done += static_cast<std::uint64_t>(n);
  }
  tail.bytes.resize(done);
  // The writer went on meanwhile: drop what it may have overwritten.
  const auto now = head();
  const auto oldest = now > capacity_ ? now - capacity_ : 0;
  if (oldest > tail.start) {
    const auto lost = std::min<std::uint64_t>(oldest - tail.start, tail.bytes.size());
    tail.bytes.erase(tail.bytes.begin(), tail.bytes.begin() + static_cast<std::ptrdiff_t>(lost));
    tail.start += lost;
  }
  return tail;
}

}  // namespace ptyd
