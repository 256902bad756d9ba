// SPDX-License-Identifier: LGPL-2.1-or-later
// A byte stream gives the same frames however it is cut, and they make up the stream.
#include "common/frame.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace ptyd;

namespace {

void take_frames(FrameDecoder& decoder, Bytes& frames) {
  while (const auto frame = decoder.next()) {
    fuzz::require(frame->payload.size() <= kMaxFramePayload);
    const auto bytes = encode_frame(frame->type, frame->payload);
    frames.insert(frames.end(), bytes.begin(), bytes.end());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto seed = fuzz::take_byte(input);

  FrameDecoder whole;
  whole.feed(input);
  Bytes whole_frames;
  take_frames(whole, whole_frames);
  fuzz::require(whole_frames.size() + whole.pending() == input.size());
  fuzz::require(std::equal(whole_frames.begin(), whole_frames.end(), input.begin()));

  FrameDecoder pieces;
  Bytes frames;
  fuzz::in_pieces(input, seed, [&](fuzz::Input piece) {
    pieces.feed(piece);
    take_frames(pieces, frames);
  });
  fuzz::require(frames == whole_frames);
  fuzz::require(pieces.failed() == whole.failed());
  return 0;
}
