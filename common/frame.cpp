// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/frame.hpp"

#include <algorithm>

namespace ptyd {
namespace {

// A buffer that grew for one large frame is given back when it is empty.
constexpr std::size_t kKeptCapacity = 4096;

}  // namespace

std::array<std::uint8_t, kFrameHeaderSize> frame_header(FrameType type, std::size_t payload_size) {
  const auto size = static_cast<std::uint32_t>(payload_size);
  return {static_cast<std::uint8_t>(size),
          static_cast<std::uint8_t>(size >> 8),
          static_cast<std::uint8_t>(size >> 16),
          static_cast<std::uint8_t>(size >> 24),
          static_cast<std::uint8_t>(type),
          0,
          0,
          0};
}

Bytes encode_frame(FrameType type, std::span<const std::uint8_t> payload) {
  const auto header = frame_header(type, payload.size());
  Bytes frame(header.size() + payload.size());
  const auto rest = std::copy(header.begin(), header.end(), frame.begin());
  std::copy(payload.begin(), payload.end(), rest);
  return frame;
}

void FrameDecoder::feed(std::span<const std::uint8_t> bytes) {
  if (failed()) return;
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(start_));
  start_ = 0;
  if (buffer_.empty() && buffer_.capacity() > kKeptCapacity && bytes.size() <= kKeptCapacity)
    Bytes().swap(buffer_);
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

std::optional<Frame> FrameDecoder::next() {
  if (failed() || pending() < kFrameHeaderSize) return std::nullopt;
  const std::span header(buffer_.data() + start_, kFrameHeaderSize);
  const std::size_t size = WireReader(header).u32();
  if (size > max_payload_) {
    error_ = "frame too large";
    return std::nullopt;
  }
  if (header[4] == 0 || header[5] != 0 || header[6] != 0 || header[7] != 0) {
    error_ = "not a ptyd frame";
    return std::nullopt;
  }
  if (pending() < kFrameHeaderSize + size) return std::nullopt;
  const Frame frame{static_cast<FrameType>(header[4]),
                    {buffer_.data() + start_ + kFrameHeaderSize, size}};
  start_ += kFrameHeaderSize + size;
  return frame;
}

}  // namespace ptyd
