// SPDX-License-Identifier: LGPL-2.1-or-later
// The session host as its viewers see it: every byte in order, slow ones, stealing, window size.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/unit/session_driver.hpp"

namespace ptyd::test {
namespace {

constexpr int kManyLines = 3'000'000;  // 26 MB, much more than the scrollback
// Less than the scrollback: a viewer that reads between two blocks gets every byte, however little
// processor time a busy machine leaves it.
constexpr int kBlockLines = 50'000;

// Prints the lines in blocks, each of them as fast as it can and followed by a typed line.
std::string many_lines() {
  const auto block = std::to_string(kBlockLines);
  return "for ((i = 0; i < " + std::to_string(kManyLines) + "; i += " + block +
         ")); do seq $((i + 1)) $((i + " + block + ")); read more; done; ";
}

// Starts the command of gated(many_lines()) and reads all of it.
bool read_many_lines(TestViewer& viewer) {
  if (!viewer.wait_text("ready\r\n") || !viewer.type("\n")) return false;
  auto size = viewer.output.size();
  for (int line = 1; line <= kManyLines; ++line) {
    size += std::to_string(line).size() + 2;
    if (line % kBlockLines != 0) continue;
    if (!viewer.read_until([&] { return viewer.output.size() >= size; })) return false;
    if (!viewer.type("\n")) return false;
  }
  return true;
}

// The first difference is all that a person can use of 26 MB.
void expect_same(const std::string& got, const std::string& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    if (got[i] != expected[i]) FAIL() << "differs at byte " << i;
}

std::string after_gate(const std::string& output) {
  const std::string ready = "ready\r\n";
  EXPECT_TRUE(output.starts_with(ready));
  return output.substr(ready.size());
}

TEST(SessionViewer, GetsEveryByteInOrder) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash(gated(many_lines())));
  auto viewer = daemon.attach();
  ASSERT_TRUE(read_many_lines(*viewer));
  ASSERT_TRUE(viewer->wait_ended());
  EXPECT_EQ(viewer->gaps, 0);
  expect_same(after_gate(viewer->output), expected_seq(kManyLines));
  EXPECT_EQ(viewer->position, viewer->output.size());
  EXPECT_EQ(viewer->ended->kind, EndKind::kExited);
  EXPECT_EQ(viewer->ended->value, 0);
  EXPECT_TRUE(viewer->wait_closed());
  EXPECT_TRUE(daemon.finish());
}

TEST(SessionViewer, AFrozenOneNeitherStopsTheCommandNorTheOthers) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash(gated(many_lines() + "read end")));
  auto frozen = daemon.attach();
  auto live = daemon.attach();
  ASSERT_TRUE(read_many_lines(*live));
  EXPECT_EQ(live->gaps, 0);
  expect_same(after_gate(live->output), expected_seq(kManyLines));

  ASSERT_TRUE(frozen->read_until([&] { return frozen->position == live->position; }));
  EXPECT_GE(frozen->gaps, 1);
  EXPECT_GT(frozen->missed, 0U);
  EXPECT_EQ(frozen->position, frozen->missed + frozen->output.size());
  // What it has ends with the same bytes, and at least the newest 64 KiB of them.
  const auto tail = live->output.substr(live->output.size() - 60'000);
  EXPECT_TRUE(frozen->output.ends_with(tail));

  // It has caught up, so nothing more is missed.
  const auto missed = frozen->missed;
  live->type("\n");
  ASSERT_TRUE(frozen->wait_ended());
  EXPECT_EQ(frozen->missed, missed);
  EXPECT_TRUE(live->wait_ended());
  EXPECT_TRUE(daemon.finish());
}

// With the smallest ring, and a reader that is too slow and stops in the middle of frames.
TEST(SessionViewer, AccountsExactlyForWhatASlowOneMissed) {
  SessionDriver daemon;
  auto spec = SessionDriver::spec_for({"/bin/bash", "-c", gated("seq 1 1500000")});
  spec.scrollback = 1;
  ASSERT_TRUE(daemon.start(spec));
  auto slow = daemon.attach();
  auto live = daemon.attach();
  ASSERT_TRUE(live->wait_text("ready"));
  live->type("\n");
  std::atomic<bool> live_done = false;
  std::thread live_reader([&] {
    live->wait_ended();
    live_done = true;
  });
  while (!live_done && !slow->ended) {
    const auto target = slow->output.size() + 8'000;
    slow->read_until([&] { return slow->output.size() >= target || slow->ended; });
    EXPECT_EQ(slow->position, slow->output.size() + slow->missed);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  live_reader.join();
  ASSERT_TRUE(live->ended);
  ASSERT_TRUE(slow->wait_ended());
  EXPECT_GE(slow->gaps, 1);
  EXPECT_EQ(slow->position, slow->output.size() + slow->missed);
  EXPECT_EQ(slow->position, live->position);
  EXPECT_TRUE(slow->output.ends_with("1499999\r\n1500000\r\n"));
  EXPECT_EQ(live->missed, 0U);
  expect_same(after_gate(live->output), expected_seq(1'500'000));
  EXPECT_TRUE(daemon.finish());
}

TEST(SessionViewer, OneThatNeverReadsIsDroppedAtTheEnd) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash(gated("seq 1 200000")));
  auto frozen = daemon.attach();
  auto live = daemon.attach();
  live->type("\n");
  ASSERT_TRUE(live->wait_ended());
  EXPECT_TRUE(daemon.finish());  // the host does not stay for it
}

TEST(SessionViewer, TypesAndIsEchoed) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_command({"cat"}));
  auto viewer = daemon.attach();
  viewer->type("hello\n");
  EXPECT_TRUE(viewer->wait_text("hello\r\nhello\r\n"));
  viewer->type("\x04");
  EXPECT_TRUE(viewer->wait_ended());
  EXPECT_TRUE(daemon.finish());
}

TEST(SessionViewer, MuchInputIsHeldBackAndNotLost) {
  SessionDriver daemon;
  ASSERT_TRUE(
      daemon.start_bash("stty raw -echo; echo ready; read -N 1 g; sleep 0.3; "
                        "head -c 1000000 | md5sum; read -N 1 end"));
  auto viewer = daemon.attach();
  ASSERT_TRUE(viewer->wait_text("ready"));
  viewer->type("g");
  const std::string piece(10'000, 'x');
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(viewer->type(piece));
  EXPECT_TRUE(viewer->wait_text("ec78dbd963d2fc01e51176ed4dec299e  -"))
      << viewer->output;  // of a million times x
  viewer->type("e");
  EXPECT_TRUE(viewer->wait_ended());
  EXPECT_TRUE(daemon.finish());
}

TEST(SessionViewer, AReadOnlyOneOnlyLooks) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash("while read x; do echo got $x; stty size; done"));
  PassClient look;
  look.read_only = 1;
  look.rows = 10;
  look.columns = 10;
  auto reader = daemon.attach(look);
  auto writer = daemon.attach();
  EXPECT_EQ(reader->attached->read_only, 1);
  EXPECT_EQ(reader->attached->rows, 24);
  reader->type("evil\n");
  reader->socket().send(Resize{11, 11});
  // Behind those on the same connection: once this is answered, they have been looked at.
  reader->socket().send(FrameType::kDetach);
  EXPECT_TRUE(reader->wait_closed());
  EXPECT_EQ(reader->detached->reason, "requested");
  writer->type("good\n");
  EXPECT_TRUE(writer->wait_text("got good\r\n24 80\r\n"));
  EXPECT_EQ(writer->output.find("evil"), std::string::npos);
}

TEST(SessionViewer, StealingDetachesTheOthers) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_command({"cat"}));
  auto first = daemon.attach();
  auto second = daemon.attach();
  PassClient thief;
  thief.steal = 1;
  auto third = daemon.attach(thief);
  EXPECT_TRUE(first->wait_closed());
  EXPECT_TRUE(second->wait_closed());
  EXPECT_EQ(first->detached->reason, "stolen");
  EXPECT_EQ(second->detached->reason, "stolen");
  third->type("mine\n");
  EXPECT_TRUE(third->wait_text("mine\r\nmine"));
}

TEST(SessionViewer, TheWindowIsThatOfWhoWasLastActive) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash("while read x; do echo $x; stty size; done"));
  PassClient client;
  client.rows = 30;
  client.columns = 100;
  auto small = daemon.attach(client);
  EXPECT_EQ(small->attached->rows, 30);
  client.rows = 50;
  client.columns = 200;
  auto large = daemon.attach(client);
  EXPECT_EQ(large->attached->columns, 200);
  small->type("a\n");
  EXPECT_TRUE(small->wait_text("30 100"));
  large->type("b\n");
  EXPECT_TRUE(large->wait_text("50 200"));
  small->socket().send(Resize{31, 101});
  small->type("c\n");
  EXPECT_TRUE(small->wait_text("31 101"));
  small->socket().send(Resize{0, 0});  // has no size: nothing changes
  small->type("d\n");
  EXPECT_TRUE(small->wait_text("d\r\n31 101"));
}

TEST(SessionViewer, AViolationCostsOnlyThatViewer) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_command({"cat"}));
  auto good = daemon.attach();
  auto wrong_type = daemon.attach();
  wrong_type->socket().send(FrameType::kRequest, as_bytes("{}"));
  EXPECT_TRUE(wrong_type->wait_closed());
  ASSERT_TRUE(wrong_type->error);
  EXPECT_EQ(wrong_type->error->code, "bad-request");
  auto too_large = daemon.attach();
  too_large->socket().send(FrameType::kInput, Bytes(17 * 1024, 'x'));
  EXPECT_TRUE(too_large->wait_closed());
  auto noise = daemon.attach();
  ASSERT_EQ(::send(noise->socket().fd(), "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 18);
  EXPECT_TRUE(noise->wait_closed());
  good->type("still here\n");
  EXPECT_TRUE(good->wait_text("still here\r\nstill here"));
}

TEST(SessionViewer, UnusableConnectionsAreRefused) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_command({"cat"}));
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
  const UniqueFd ours(pair[0]), theirs(pair[1]);
  daemon.link().send(PassClient{}, theirs.get());
  const UniqueFd file(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  daemon.link().send(PassClient{}, file.get());
  daemon.link().send(PassClient{});  // none at all
  auto viewer = daemon.attach();
  viewer->type("fine\n");
  EXPECT_TRUE(viewer->wait_text("fine\r\nfine"));
}

TEST(SessionViewer, TheirNumberIsBounded) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_command({"cat"}));
  std::vector<std::unique_ptr<TestViewer>> viewers;
  for (int i = 0; i < 64; ++i) viewers.push_back(daemon.attach());
  auto more = daemon.attach();
  ASSERT_TRUE(more->error);
  EXPECT_EQ(more->error->code, "limit");
  PassClient thief;
  thief.steal = 1;
  EXPECT_TRUE(daemon.attach(thief)->attached);
}

TEST(SessionViewer, NoticesPileUpOnlySoFar) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_command({"cat"}));
  auto frozen = daemon.attach();
  const Bytes notice(30'000, ' ');
  for (int i = 0; i < 40; ++i) daemon.link().send(FrameType::kHostNotice, notice);
  while (const auto status = daemon.link().next_message<HostStatus>())
    if (status->viewers == 0) break;
  EXPECT_TRUE(frozen->wait_closed());
  ASSERT_TRUE(frozen->detached);
  EXPECT_EQ(frozen->detached->reason, "slow");
  EXPECT_LT(frozen->notices.size(), 40U);
}

}  // namespace
}  // namespace ptyd::test
