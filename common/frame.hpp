// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "common/wire.hpp"

namespace ptyd {

// Every byte on a ptyd connection belongs to a frame: u32 payload length, u8 type, three zero
// bytes, payload; little-endian. See docs/protocol.md, which is frozen for this header and for
// HELLO.
inline constexpr std::size_t kFrameHeaderSize = 8;
// Bounds what one frame can make the other side keep. Holds the largest read from a PTY and the
// largest command line that a session may have (kMaxCommandBytes).
inline constexpr std::size_t kMaxFramePayload = 64 * 1024;

enum class FrameType : std::uint8_t {
  // either way, before and after the handshake
  kHello = 1,
  kError = 2,
  // client and daemon
  kRequest = 16,
  kItem = 17,
  kReply = 18,
  kEvent = 19,
  // attached client and session host
  kAttached = 32,
  kOutput = 33,
  kGap = 34,
  kInput = 35,
  kResize = 36,
  kDetach = 37,
  kDetached = 38,
  kEnded = 39,
  kNotice = 40,
  kRestore = 41,
  kTerminal = 42,
  kTerminalTaken = 43,
  kTerminalBack = 44,
  kShow = 45,
  // session host and daemon
  kRegister = 64,
  kRegistered = 65,
  kSpec = 66,
  kStarted = 67,
  kStartFailed = 68,
  kStatus = 69,
  kHostEnded = 70,
  kRelease = 71,
  kClient = 72,
  kHostInput = 73,
  kHostSignal = 74,
  kHostTerminate = 75,
  kHostResize = 76,
  kHostDetach = 77,
  kHostNotice = 78,
  kDone = 79,
  kHostCapture = 80,
};

struct Frame {
  FrameType type{};
  std::span<const std::uint8_t> payload;  // valid until the decoder is fed again
};

std::array<std::uint8_t, kFrameHeaderSize> frame_header(FrameType type, std::size_t payload_size);
Bytes encode_frame(FrameType type, std::span<const std::uint8_t> payload);

// Cuts a byte stream into frames. Once it has failed it stays failed: a stream that is out of step
// cannot be trusted again.
class FrameDecoder {
 public:
  explicit FrameDecoder(std::size_t max_payload = kMaxFramePayload) : max_payload_(max_payload) {}

  // Invalidates the payloads of earlier frames. Keeps at most what is fed plus one frame.
  void feed(std::span<const std::uint8_t> bytes);
  // The next whole frame, or nothing: more bytes are needed, or failed().
  std::optional<Frame> next();
  [[nodiscard]] const char* error() const { return error_; }
  [[nodiscard]] bool failed() const { return error_ != nullptr; }
  // Bytes fed and not yet given out as frames.
  [[nodiscard]] std::size_t pending() const { return buffer_.size() - start_; }

 private:
  std::size_t max_payload_;
  Bytes buffer_;
  std::size_t start_ = 0;
  const char* error_ = nullptr;
};

}  // namespace ptyd
