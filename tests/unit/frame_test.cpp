// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/frame.hpp"

#include <gtest/gtest.h>

#include <string>

namespace ptyd {
namespace {

std::string payload_text(const Frame& frame) { return std::string(as_text(frame.payload)); }

TEST(Frame, HasTheDocumentedLayout) {
  const auto bytes = encode_frame(FrameType::kOutput, as_bytes("hi"));
  EXPECT_EQ(bytes, (Bytes{2, 0, 0, 0, 33, 0, 0, 0, 'h', 'i'}));
  const auto header = frame_header(FrameType::kHello, 0x01020304);
  EXPECT_EQ(Bytes(header.begin(), header.end()), (Bytes{4, 3, 2, 1, 1, 0, 0, 0}));
}

TEST(FrameDecoder, TakesFramesApartHoweverTheyArrive) {
  Bytes stream;
  for (const std::string text : {"one", "", "three"}) {
    const auto frame = encode_frame(FrameType::kOutput, as_bytes(text));
    stream.insert(stream.end(), frame.begin(), frame.end());
  }
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    FrameDecoder decoder;
    std::vector<std::string> seen;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      decoder.feed(std::span(stream).subspan(at, std::min(piece, stream.size() - at)));
      while (const auto frame = decoder.next()) {
        EXPECT_EQ(frame->type, FrameType::kOutput);
        seen.push_back(payload_text(*frame));
      }
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"one", "", "three"})) << "in pieces of " << piece;
    EXPECT_EQ(decoder.pending(), 0U);
    EXPECT_FALSE(decoder.failed());
  }
}

TEST(FrameDecoder, WaitsForTheRestOfAFrame) {
  const auto bytes = encode_frame(FrameType::kInput, as_bytes("abc"));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    FrameDecoder decoder;
    decoder.feed(std::span(bytes).first(size));
    EXPECT_FALSE(decoder.next());
    EXPECT_FALSE(decoder.failed());
    EXPECT_EQ(decoder.pending(), size);
  }
}

TEST(FrameDecoder, TakesTheLargestFrameAndNoLarger) {
  FrameDecoder decoder;
  decoder.feed(encode_frame(FrameType::kOutput, Bytes(kMaxFramePayload, 'x')));
  const auto largest = decoder.next();
  ASSERT_TRUE(largest);
  EXPECT_EQ(largest->payload.size(), kMaxFramePayload);

  // Refused by its header, before any of it is kept.
  decoder.feed(frame_header(FrameType::kOutput, kMaxFramePayload + 1));
  EXPECT_FALSE(decoder.next());
  EXPECT_STREQ(decoder.error(), "frame too large");
}

TEST(FrameDecoder, KeepsToItsOwnLimit) {
  FrameDecoder decoder(4);
  decoder.feed(encode_frame(FrameType::kOutput, as_bytes("1234")));
  EXPECT_TRUE(decoder.next());
  decoder.feed(encode_frame(FrameType::kOutput, as_bytes("12345")));
  EXPECT_FALSE(decoder.next());
  EXPECT_TRUE(decoder.failed());
}

TEST(FrameDecoder, RefusesWhatIsNoFrame) {
  const std::vector<Bytes> headers{
      {0, 0, 0, 0, 0, 0, 0, 0},  // type 0
      {0, 0, 0, 0, 1, 1, 0, 0},  // bytes that must be zero
      {0, 0, 0, 0, 1, 0, 1, 0},  //
      {0, 0, 0, 0, 1, 0, 0, 1},  //
      {'G', 'E', 'T', ' ', '/', ' ', 'H', 'T'},
      {0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0},
  };
  for (const auto& header : headers) {
    FrameDecoder decoder;
    decoder.feed(header);
    EXPECT_FALSE(decoder.next());
    EXPECT_TRUE(decoder.failed());
  }
}

TEST(FrameDecoder, StaysFailed) {
  FrameDecoder decoder;
  decoder.feed(Bytes(8, 0));
  EXPECT_FALSE(decoder.next());
  decoder.feed(encode_frame(FrameType::kOutput, as_bytes("fine")));
  EXPECT_FALSE(decoder.next());
  EXPECT_TRUE(decoder.failed());
}

TEST(FrameDecoder, GivesTheFramesBeforeABadOne) {
  auto bytes = encode_frame(FrameType::kOutput, as_bytes("good"));
  bytes.resize(bytes.size() + 8, 0);
  FrameDecoder decoder;
  decoder.feed(bytes);
  const auto frame = decoder.next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(payload_text(*frame), "good");
  EXPECT_FALSE(decoder.next());
  EXPECT_TRUE(decoder.failed());
}

TEST(FrameDecoder, PassesUnknownTypesOn) {
  FrameDecoder decoder;
  decoder.feed(encode_frame(static_cast<FrameType>(200), as_bytes("new")));
  const auto frame = decoder.next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(static_cast<int>(frame->type), 200);
}

}  // namespace
}  // namespace ptyd
