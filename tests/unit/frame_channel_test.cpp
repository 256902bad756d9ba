// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/frame_channel.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>

#include "common/unix_socket.hpp"
#include "tests/support/run_loop.hpp"

namespace ptyd {
namespace {

using test::run_idle;
using test::run_until;

// A channel, and the other end of its socket for the test to misbehave with.
class FrameChannelTest : public testing::Test {
 protected:
  FrameChannelTest() {
    std::error_code error;
    auto [ours, theirs] = unix_socket_pair(error);
    peer = std::move(theirs);
    open(std::move(ours), {});
  }

  void open(UniqueFd socket, FrameChannel::Limits limits) {
    channel = std::make_unique<FrameChannel>(
        loop, std::move(socket), limits,
        FrameChannel::Callbacks{[this](const Frame& frame) {
                                  frames.emplace_back(as_text(frame.payload));
                                  if (on_frame) on_frame();
                                },
                                [this](const std::string& reason) {
                                  EXPECT_FALSE(closed) << "on_closed was called twice";
                                  closed = reason;
                                  if (on_closed) on_closed();
                                },
                                [this] { ++drained; }});
  }

  void reopen(FrameChannel::Limits limits) {
    std::error_code error;
    auto [ours, theirs] = unix_socket_pair(error);
    channel.reset();
    peer = std::move(theirs);
    open(std::move(ours), limits);
  }

  void peer_sends(std::string_view payload, int fd = -1) {
    const auto bytes = encode_frame(FrameType::kInput, as_bytes(payload));
    ASSERT_EQ(send_with_fd(peer.get(), bytes, fd), static_cast<ssize_t>(bytes.size()));
  }
  // What the peer finds to read now.
  std::string peer_reads() {
    std::string all;
    std::array<char, 4096> buffer;
    ssize_t n = 0;
    while ((n = ::recv(peer.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0)
      all.append(buffer.data(), static_cast<std::size_t>(n));
    return all;
  }

  EventLoop loop;
  UniqueFd peer;
  std::vector<std::string> frames;
  std::optional<std::string> closed;
  int drained = 0;
  std::function<void()> on_frame, on_closed;
  std::unique_ptr<FrameChannel> channel;  // goes first, its callbacks use the above
};

TEST_F(FrameChannelTest, CarriesFramesBothWays) {
  peer_sends("one");
  peer_sends("");
  peer_sends("two");
  EXPECT_TRUE(run_until(loop, [&] { return frames.size() == 3; }));
  EXPECT_EQ(frames, (std::vector<std::string>{"one", "", "two"}));
  channel->send(FrameType::kOutput, as_bytes("hello"));
  EXPECT_EQ(peer_reads(), as_text(encode_frame(FrameType::kOutput, as_bytes("hello"))));
}

TEST_F(FrameChannelTest, AssemblesAFrameThatComesByteByByte) {
  const auto bytes = encode_frame(FrameType::kInput, as_bytes("slow"));
  for (const auto byte : bytes) {
    EXPECT_TRUE(frames.empty());
    ASSERT_EQ(::send(peer.get(), &byte, 1, 0), 1);
    loop.run_once(std::chrono::milliseconds(-1));
  }
  EXPECT_EQ(frames, std::vector<std::string>{"slow"});
}

TEST_F(FrameChannelTest, PassesDescriptorsCloseOnExec) {
  const UniqueFd file(::memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::write(file.get(), "content", 7), 7);
  UniqueFd received;
  on_frame = [&] { received = channel->take_fd(); };
  peer_sends("with a file", file.get());
  ASSERT_TRUE(run_until(loop, [&] { return !frames.empty(); }));
  ASSERT_TRUE(received);
  EXPECT_NE(::fcntl(received.get(), F_GETFD) & FD_CLOEXEC, 0);
  std::array<char, 7> content{};
  EXPECT_EQ(::pread(received.get(), content.data(), content.size(), 0), 7);
  EXPECT_EQ(std::string_view(content.data(), content.size()), "content");
  EXPECT_FALSE(channel->take_fd());
}

TEST_F(FrameChannelTest, SendsDescriptorsWithTheirFrame) {
  channel->send(FrameType::kStarted, as_bytes("x"), UniqueFd(::memfd_create("test", MFD_CLOEXEC)));
  std::array<std::uint8_t, 64> buffer;
  std::vector<UniqueFd> fds;
  const auto got = receive(peer.get(), buffer, fds);
  EXPECT_EQ(got.size, 9);
  ASSERT_EQ(fds.size(), 1U);
  EXPECT_GE(::fcntl(fds[0].get(), F_GETFD), 0);
}

TEST_F(FrameChannelTest, ABatchIsSentInLargePiecesAndWhollyInTheEnd) {
  const std::string payload(500, 'x');
  const auto frame = encode_frame(FrameType::kItem, as_bytes(payload));
  std::string all;
  {
    const FrameChannel::Batch batch(*channel);
    channel->send(FrameType::kItem, as_bytes(payload));
    EXPECT_EQ(peer_reads(), "");
    for (int i = 1; i < 100; ++i) channel->send(FrameType::kItem, as_bytes(payload));
    all = peer_reads();
    EXPECT_GE(all.size(), 32U * 1024);
    EXPECT_LT(all.size(), 100 * frame.size());
  }
  EXPECT_EQ(channel->queued(), 0U);
  all += peer_reads();
  std::string expected;
  for (int i = 0; i < 100; ++i) expected += as_text(frame);
  EXPECT_EQ(all, expected);
  channel->send(FrameType::kReply, as_bytes("at once"));
  EXPECT_EQ(peer_reads(), as_text(encode_frame(FrameType::kReply, as_bytes("at once"))));
}

TEST_F(FrameChannelTest, ADescriptorInABatchComesWithItsFrame) {
  {
    const FrameChannel::Batch batch(*channel);
    channel->send(FrameType::kItem, as_bytes("before"));
    channel->send(FrameType::kStarted, as_bytes("x"),
                  UniqueFd(::memfd_create("test", MFD_CLOEXEC)));
    channel->send(FrameType::kItem, as_bytes("after"));
  }
  std::vector<FrameType> types;
  UniqueFd fd;
  FrameChannel* theirs = nullptr;
  FrameChannel receiver(loop, std::move(peer), {},
                        {[&](const Frame& frame) {
                           types.push_back(frame.type);
                           if (frame.type == FrameType::kStarted) fd = theirs->take_fd();
                         },
                         [](const std::string&) {},
                         {}});
  theirs = &receiver;
  EXPECT_TRUE(run_until(loop, [&] { return types.size() == 3; }));
  EXPECT_EQ(types[1], FrameType::kStarted);
  EXPECT_TRUE(fd);
}

TEST_F(FrameChannelTest, ABatchForAPeerThatHasLeftIsForgotten) {
  peer.reset();
  {
    const FrameChannel::Batch batch(*channel);
    for (int i = 0; i < 100; ++i) channel->send(FrameType::kItem, as_bytes(std::string(500, 'x')));
  }
  EXPECT_TRUE(run_until(loop, [&] { return closed.has_value(); }));
}

TEST_F(FrameChannelTest, ClosesWhenFloodedWithDescriptors) {
  const UniqueFd file(::memfd_create("test", MFD_CLOEXEC));
  for (int i = 0; i < 20 && !closed; ++i) {
    peer_sends("another", file.get());
    loop.run_once(std::chrono::milliseconds(-1));
  }
  EXPECT_EQ(closed, "too many descriptors");
}

TEST_F(FrameChannelTest, ReportsThePeersLeaving) {
  peer_sends("last words");
  peer.reset();
  EXPECT_TRUE(run_until(loop, [&] { return closed.has_value(); }));
  EXPECT_EQ(closed, "");
  EXPECT_EQ(frames, std::vector<std::string>{"last words"});
  channel->send(FrameType::kOutput, as_bytes("into nothing"));
  run_idle(loop);
}

TEST_F(FrameChannelTest, ReportsAPeerThatLeavesInsideAFrame) {
  const auto bytes = encode_frame(FrameType::kInput, as_bytes("cut"));
  ASSERT_EQ(::send(peer.get(), bytes.data(), bytes.size() - 1, 0), 10);
  peer.reset();
  EXPECT_TRUE(run_until(loop, [&] { return closed.has_value(); }));
  EXPECT_EQ(closed, "stream ended inside a frame");
  EXPECT_TRUE(frames.empty());
}

TEST_F(FrameChannelTest, ClosesOnGarbage) {
  ASSERT_GT(::send(peer.get(), "GET / HTTP/1.1\r\n", 16, 0), 0);
  EXPECT_TRUE(run_until(loop, [&] { return closed.has_value(); }));
  EXPECT_NE(closed, "");
  EXPECT_TRUE(frames.empty());
}

TEST_F(FrameChannelTest, ClosesWhenThePeerDoesNotRead) {
  reopen({.max_queued = 1024 * 1024});
  const std::string piece(32 * 1024, 'x');
  for (int i = 0; i < 200; ++i) {
    channel->send(FrameType::kOutput, as_bytes(piece));
    ASSERT_FALSE(closed) << "on_closed was called from within send()";
    ASSERT_LE(channel->queued(), 1024U * 1024 + piece.size() + 2 * kFrameHeaderSize);
  }
  EXPECT_TRUE(run_until(loop, [&] { return closed.has_value(); }));
  EXPECT_EQ(closed, "peer does not read");
}

TEST_F(FrameChannelTest, DoesNotReadFromWhoDoesNotReadItsAnswers) {
  reopen({.pause_reading_at = 64 * 1024});
  const std::string answer(16 * 1024, 'a');
  while (channel->queued() <= 64 * 1024) channel->send(FrameType::kReply, as_bytes(answer));
  peer_sends("another request");
  run_idle(loop);
  EXPECT_TRUE(frames.empty());
  EXPECT_FALSE(closed);
  EXPECT_TRUE(run_until(loop, [&] {
    (void)peer_reads();
    return !frames.empty();
  }));
}

TEST_F(FrameChannelTest, StopsBetweenRequestsThatArrivedTogether) {
  reopen({.pause_reading_at = 64 * 1024});
  // Each request is answered with more than the kernel takes: only some may be served unread.
  on_frame = [&] { channel->send(FrameType::kReply, Bytes(60 * 1024, 'a')); };
  for (int i = 0; i < 50; ++i) peer_sends("request");
  run_idle(loop);
  EXPECT_LT(frames.size(), 50U);
  EXPECT_LE(channel->queued(), 64U * 1024 + 60 * 1024 + kFrameHeaderSize);
  EXPECT_TRUE(run_until(loop, [&] {
    (void)peer_reads();
    return frames.size() == 50;
  }));
}

// A client that sent thousands of requests at once and left had them all served in one turn, and
// nobody else was served for 14 seconds.
TEST_F(FrameChannelTest, WhoHasMuchToSayDoesNotHoldUpTheOthers) {
  const UniqueFd other(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  std::optional<std::size_t> seen_before;
  const IoWatch watch(loop, other.get(), EPOLLIN, [&](std::uint32_t) {
    eventfd_t value = 0;
    ASSERT_EQ(::eventfd_read(other.get(), &value), 0);
    seen_before = frames.size();
  });
  on_frame = [&] {
    if (frames.size() == 1) {
      ASSERT_EQ(::eventfd_write(other.get(), 1), 0);
    }
    const auto begin = Clock::now();
    while (Clock::now() - begin <= EventLoop::kTurnTime) {
    }
  };
  for (int i = 0; i < 50; ++i) peer_sends(std::to_string(i));
  peer.reset();
  EXPECT_TRUE(run_until(loop, [&] { return closed.has_value(); }));
  EXPECT_EQ(closed, "");
  ASSERT_EQ(frames.size(), 50U);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(frames[static_cast<std::size_t>(i)], std::to_string(i));
  ASSERT_TRUE(seen_before);
  EXPECT_LT(*seen_before, 10U);
}

TEST_F(FrameChannelTest, TellsWhenAllIsSent) {
  while (channel->queued() == 0) channel->send(FrameType::kOutput, Bytes(16 * 1024, 'x'));
  EXPECT_EQ(drained, 0);
  EXPECT_TRUE(run_until(loop, [&] {
    (void)peer_reads();
    return drained > 0;
  }));
  EXPECT_EQ(channel->queued(), 0U);
}

TEST_F(FrameChannelTest, CloseAfterFlushDeliversEverythingFirst) {
  std::size_t sent = 0;
  while (channel->queued() == 0) {
    channel->send(FrameType::kOutput, Bytes(16 * 1024, 'x'));
    sent += 16 * 1024 + kFrameHeaderSize;
  }
  channel->close_after_flush();
  channel->send(FrameType::kOutput, as_bytes("too late"));
  peer_sends("ignored");
  run_idle(loop);
  EXPECT_FALSE(closed);
  std::size_t read = 0;
  EXPECT_TRUE(run_until(loop, [&] {
    read += peer_reads().size();
    return closed.has_value();
  }));
  read += peer_reads().size();
  EXPECT_EQ(read, sent);
  EXPECT_EQ(closed, "");
  EXPECT_TRUE(frames.empty());
}

TEST_F(FrameChannelTest, CloseAfterFlushWithNothingToSendClosesFromTheLoop) {
  channel->close_after_flush();
  EXPECT_FALSE(closed);
  EXPECT_TRUE(run_until(loop, [&] { return closed.has_value(); }));
}

TEST_F(FrameChannelTest, MayBeDestroyedInItsCallbacks) {
  on_frame = [&] { channel.reset(); };
  peer_sends("one");
  peer_sends("never delivered");
  EXPECT_TRUE(run_until(loop, [&] { return channel == nullptr; }));
  EXPECT_EQ(frames.size(), 1U);

  on_frame = nullptr;
  on_closed = [&] { channel.reset(); };
  reopen({});
  peer.reset();
  EXPECT_TRUE(run_until(loop, [&] { return channel == nullptr; }));
  run_idle(loop);
}

TEST_F(FrameChannelTest, DestroyedWithWorkPostedDoesNothing) {
  reopen({.max_queued = 1024});
  channel->send(FrameType::kOutput, Bytes(60 * 1024, 'x'));
  while (channel->queued() <= 1024) channel->send(FrameType::kOutput, Bytes(60 * 1024, 'x'));
  channel.reset();
  run_idle(loop);
  EXPECT_FALSE(closed);
}

TEST_F(FrameChannelTest, SendingToAPeerThatLeftReportsIt) {
  peer.reset();
  channel->send(FrameType::kOutput, as_bytes("x"));
  EXPECT_FALSE(closed);
  EXPECT_TRUE(run_until(loop, [&] { return closed.has_value(); }));
}

TEST_F(FrameChannelTest, DeliversWhatAPeerSaidBeforeItLeftEvenIfWeAreSending) {
  peer_sends("last words");
  peer.reset();
  channel->send(FrameType::kOutput, as_bytes("x"));
  EXPECT_TRUE(run_until(loop, [&] { return closed.has_value(); }));
  EXPECT_EQ(frames, std::vector<std::string>{"last words"});
}

TEST_F(FrameChannelTest, PausedItKeepsWhatThePeerSaysForLater) {
  on_frame = [&] { channel->pause_reading(); };
  peer_sends("one");
  peer_sends("two");
  peer_sends("three");
  run_idle(loop);
  EXPECT_EQ(frames, std::vector<std::string>{"one"});
  channel->resume_reading();
  run_idle(loop);
  EXPECT_EQ(frames, (std::vector<std::string>{"one", "two"}));
  on_frame = nullptr;
  channel->resume_reading();
  EXPECT_TRUE(run_until(loop, [&] { return frames.size() == 3; }));
}

TEST_F(FrameChannelTest, PausedItReportsThePeersLeavingAfterWhatThePeerSaid) {
  channel->pause_reading();
  peer_sends("last words");
  peer.reset();
  run_idle(loop);
  EXPECT_FALSE(closed);
  channel->send(FrameType::kOutput, as_bytes("into nothing"));
  run_idle(loop);
  EXPECT_FALSE(closed);
  channel->resume_reading();
  EXPECT_TRUE(run_until(loop, [&] { return closed.has_value(); }));
  EXPECT_EQ(frames, std::vector<std::string>{"last words"});
}

// The end of a session was not shown where the terminal had caught up in the very turn in which the
// host closed: the hang-up had been reported without there being anything to read, since nobody
// had asked for that.
TEST_F(FrameChannelTest, ResumedInTheTurnOfThePeersLeavingItHearsWhatThePeerSaid) {
  channel->pause_reading();
  const UniqueFd other(::eventfd(1, EFD_CLOEXEC));
  const IoWatch resumes(loop, other.get(), EPOLLIN, [&](std::uint32_t) {
    std::uint64_t count = 0;
    EXPECT_EQ(::read(other.get(), &count, sizeof count), 8);
    channel->resume_reading();
  });
  peer_sends("last words");
  peer.reset();
  EXPECT_TRUE(run_until(loop, [&] { return closed.has_value(); }));
  EXPECT_EQ(frames, std::vector<std::string>{"last words"});
  EXPECT_EQ(closed, "");
}

// The same where the frames had been read, and the end was seen before they were given out.
TEST_F(FrameChannelTest, ResumedBeforeItSeesThePeersLeavingItHearsWhatThePeerSaid) {
  on_frame = [&] {
    if (frames.size() == 1) channel->pause_reading();
  };
  peer_sends("one");
  peer_sends("last words");
  ASSERT_TRUE(run_until(loop, [&] { return frames.size() == 1; }));
  peer.reset();
  channel->resume_reading();
  EXPECT_TRUE(run_until(loop, [&] { return closed.has_value(); }));
  EXPECT_EQ(frames, (std::vector<std::string>{"one", "last words"}));
  EXPECT_EQ(closed, "");
}

TEST_F(FrameChannelTest, KnowsSinceWhenItsPeerOwesSomething) {
  EXPECT_FALSE(channel->stalled_since());
  const auto bytes = encode_frame(FrameType::kInput, as_bytes("whole"));
  const auto begin = Clock::now();
  ASSERT_EQ(::send(peer.get(), bytes.data(), 3, 0), 3);
  ASSERT_TRUE(run_until(loop, [&] { return channel->stalled_since().has_value(); }));
  const auto since = *channel->stalled_since();
  EXPECT_GE(since, begin);
  // More of the same frame is no excuse.
  ASSERT_EQ(::send(peer.get(), bytes.data() + 3, 1, 0), 1);
  ASSERT_TRUE(run_until(loop, [&] { return channel->unread() == 4; }));
  EXPECT_EQ(channel->stalled_since(), since);
  ASSERT_EQ(::send(peer.get(), bytes.data() + 4, bytes.size() - 4, 0),
            static_cast<ssize_t>(bytes.size() - 4));
  ASSERT_TRUE(run_until(loop, [&] { return frames.size() == 1; }));
  EXPECT_FALSE(channel->stalled_since());

  while (channel->queued() == 0) channel->send(FrameType::kOutput, Bytes(10'000, 'x'));
  const auto unread_since = channel->stalled_since();
  ASSERT_TRUE(unread_since);
  channel->send(FrameType::kOutput, Bytes(10'000, 'x'));
  EXPECT_EQ(channel->stalled_since(), unread_since);
  ASSERT_TRUE(run_until(loop, [&] {
    (void)peer_reads();
    return channel->queued() == 0;
  }));
  EXPECT_FALSE(channel->stalled_since());
}

TEST_F(FrameChannelTest, ChangesHandsWithinACallback) {
  std::vector<std::string> second;
  on_frame = [&] {
    channel->set_callbacks(
        {[&](const Frame& frame) { second.emplace_back(as_text(frame.payload)); }, {}, {}});
  };
  peer_sends("for the first");
  peer_sends("for the second");
  EXPECT_TRUE(run_until(loop, [&] { return !second.empty(); }));
  EXPECT_EQ(frames, std::vector<std::string>{"for the first"});
  EXPECT_EQ(second, std::vector<std::string>{"for the second"});
}

TEST_F(FrameChannelTest, GivesItsSocketAway) {
  channel->send(FrameType::kOutput, as_bytes("x"));
  auto socket = channel->release();
  channel.reset();
  ASSERT_TRUE(socket);
  EXPECT_EQ(::send(socket.get(), "y", 1, 0), 1);
  EXPECT_EQ(peer_reads(),
            std::string(as_text(encode_frame(FrameType::kOutput, as_bytes("x")))) + "y");
  run_idle(loop);
  EXPECT_FALSE(closed);
}

}  // namespace
}  // namespace ptyd
