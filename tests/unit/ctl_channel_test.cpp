// SPDX-License-Identifier: LGPL-2.1-or-later
// What an attached client asks of a FrameChannel beyond other users.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/frame_channel.hpp"
#include "common/unix_socket.hpp"
#include "tests/support/run_loop.hpp"

namespace ptyd {
namespace {

class ClientChannelTest : public testing::Test {
 protected:
  ClientChannelTest() {
    std::error_code error;
    auto [ours, theirs] = unix_socket_pair(error);
    host = std::move(theirs);
    channel = std::make_unique<FrameChannel>(
        loop, std::move(ours), FrameChannel::Limits(),
        FrameChannel::Callbacks{
            [this](const Frame& frame) { frames.emplace_back(as_text(frame.payload)); },
            [this](const std::string& reason) { closed = reason; },
            {}});
  }

  void host_sends(std::string_view payload) {
    const auto bytes = encode_frame(FrameType::kOutput, as_bytes(payload));
    ASSERT_EQ(send_with_fd(host.get(), bytes, -1), static_cast<ssize_t>(bytes.size()));
  }

  EventLoop loop;
  UniqueFd host;
  std::unique_ptr<FrameChannel> channel;
  std::vector<std::string> frames;
  std::optional<std::string> closed;
};

TEST_F(ClientChannelTest, PausedItGivesNoFramesAndThenAll) {
  channel->pause_reading();
  host_sends("a");
  host_sends("b");
  test::run_idle(loop);
  EXPECT_TRUE(frames.empty());
  channel->resume_reading();
  test::run_idle(loop);
  EXPECT_EQ(frames, (std::vector<std::string>{"a", "b"}));
}

TEST_F(ClientChannelTest, MayBePausedBetweenFramesThatCameTogether) {
  auto callbacks = FrameChannel::Callbacks{[this](const Frame& frame) {
                                             frames.emplace_back(as_text(frame.payload));
                                             channel->pause_reading();
                                           },
                                           {},
                                           {}};
  channel->set_callbacks(std::move(callbacks));
  host_sends("a");
  host_sends("b");
  test::run_idle(loop);
  EXPECT_EQ(frames, std::vector<std::string>{"a"});
  channel->resume_reading();
  test::run_idle(loop);
  EXPECT_EQ(frames, (std::vector<std::string>{"a", "b"}));
}

TEST_F(ClientChannelTest, LosesNothingWhenThePeerLeavesWhileItIsPaused) {
  channel->pause_reading();
  host_sends("last");
  host.reset();
  test::run_idle(loop);
  EXPECT_FALSE(closed);
  channel->resume_reading();
  ASSERT_TRUE(test::run_until(loop, [&] { return closed.has_value(); }));
  EXPECT_EQ(frames, std::vector<std::string>{"last"});
}

TEST_F(ClientChannelTest, HearsThePeersLastWordsAlsoWhenItCannotSendAnyMore) {
  host_sends("ended");
  host.reset();
  channel->send(FrameType::kInput, as_bytes("typed too late"));
  EXPECT_FALSE(closed) << "not from within send()";
  ASSERT_TRUE(test::run_until(loop, [&] { return closed.has_value(); }));
  EXPECT_EQ(frames, std::vector<std::string>{"ended"});
  EXPECT_EQ(closed, "");
}

}  // namespace
}  // namespace ptyd
