// SPDX-License-Identifier: LGPL-2.1-or-later
// The set of viewers by itself, without a command: how far output may run ahead of them.
#include "session/viewers.hpp"

#include <gtest/gtest.h>

#include "common/unix_socket.hpp"

namespace ptyd::test {
namespace {

struct ViewersTest : testing::Test {
  EventLoop loop;
  std::error_code error;
  Scrollback scrollback = *Scrollback::create(1024 * 1024, error);
  Viewers viewers{loop,
                  scrollback,
                  {.input_fits = [](std::size_t) { return true; },
                   .on_input = [](auto) {},
                   .on_size = [](TerminalSize) {},
                   .on_room = [] {},
                   .on_missed = [](Viewer&) {},
                   .undo = [](bool) { return std::string(); },
                   .place = [] { return Viewer::Owner::Place::kBetweenCharacters; },
                   .on_count_changed = [] {},
                   .on_all_gone = [] {}}};

  // What is printed before output waits for a client that does not read.
  std::uint64_t printed_before_waiting(const Viewer::Options& options) {
    auto connection = unix_socket_pair(error);
    if (viewers.attach(std::move(connection.first), options, true) == nullptr) return 0;
    const auto start = scrollback.head();
    while (viewers.try_admit()) {
      EXPECT_FALSE(scrollback.write_area().empty());
      scrollback.commit(4095);
      viewers.pump();
    }
    return scrollback.head() - start;
  }
};

// In a browser ^C was seen after half a second, since all that the ring held had to be drawn first.
TEST_F(ViewersTest, OutputDoesNotRunFarAheadOfATerminal) {
  Viewer::Options terminal;
  terminal.is_terminal = true;
  const auto ahead = printed_before_waiting(terminal);
  EXPECT_GT(ahead, 64U * 1024);
  EXPECT_LT(ahead, 256U * 1024);  // with what is in the kernel
}

TEST_F(ViewersTest, ItUsesAllOfTheRingForOneThatIsNoTerminal) {
  EXPECT_GT(printed_before_waiting({}), 1024U * 1024 - kMaxOutputRead);
}

}  // namespace
}  // namespace ptyd::test
