// SPDX-License-Identifier: LGPL-2.1-or-later
// Clients that give the session host their terminal.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "common/scrollback/scrollback.hpp"
#include "common/terminal/screen.hpp"
#include "tests/unit/session_driver.hpp"

namespace ptyd::test {
namespace {

constexpr TerminalSize kSize{24, 80};

PassClient giving() {
  PassClient client;
  client.rows = kSize.rows;
  client.columns = kSize.columns;
  client.gives_terminal = 1;
  return client;
}

// A person's terminal, raw, as a client has it when it gives it away.
class OwnTerminal {
 public:
  OwnTerminal() {
    int master = -1;
    int terminal = -1;
    termios modes{};
    ::cfmakeraw(&modes);
    if (::openpty(&master, &terminal, nullptr, &modes, nullptr) < 0)
      throw std::system_error(errno, std::generic_category(), "openpty");
    master_ = UniqueFd(master);
    terminal_ = UniqueFd(terminal);
  }
  [[nodiscard]] int fd() const { return terminal_.get(); }
  void type(std::string_view keys) const {
    EXPECT_EQ(::write(master_.get(), keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  bool read_until(const std::function<bool()>& condition) {
    const Deadline deadline(kPatience);
    while (!condition()) {
      pollfd ready{master_.get(), POLLIN, 0};
      if (::poll(&ready, 1, deadline.poll_timeout()) <= 0) return false;
      std::array<char, 65536> buffer;
      const auto size = ::read(master_.get(), buffer.data(), buffer.size());
      if (size <= 0) return false;
      shown.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return true;
  }
  bool wait_text(std::string_view text) {
    return read_until([&] { return shown.find(text) != std::string::npos; });
  }
  [[nodiscard]] ptyd::Screen screen() const {
    ptyd::Screen screen(kSize);
    screen.feed(as_bytes(shown));
    return screen;
  }
  void hang_up() { master_.reset(); }

  std::string shown;

 private:
  UniqueFd master_, terminal_;
};

bool give(TestViewer& viewer, int fd) {
  EXPECT_TRUE(viewer.attached && viewer.attached->wants_terminal != 0);
  EXPECT_EQ(viewer.restore, "");
  EXPECT_TRUE(viewer.socket().send(FrameType::kTerminal, {}, fd));
  EXPECT_TRUE(viewer.read_until([&] { return viewer.taken.has_value(); }));
  return viewer.taken == std::uint8_t{1};
}

TEST(SessionTerminal, OutputAndKeysGoStraightThrough) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash("printf '\\033[?2004hhello'; read x; echo \"got $x\"; read x"));
  auto viewer = daemon.attach(giving());
  OwnTerminal terminal;
  ASSERT_TRUE(give(*viewer, terminal.fd()));
  ASSERT_TRUE(terminal.wait_text("hello"));
  terminal.type("key\r");
  ASSERT_TRUE(terminal.wait_text("got key"));
  terminal.type("\x1d\x1d\x1d");
  ASSERT_TRUE(viewer->wait_closed());
  ASSERT_TRUE(viewer->back && viewer->detached);
  EXPECT_EQ(viewer->detached->reason, "requested");
  EXPECT_NE(viewer->back->undo.find("\x1b[?2004l"), std::string::npos);
  EXPECT_EQ(viewer->back->at_line_start, 1);
  EXPECT_EQ(viewer->output + viewer->restore, "");
}

TEST(SessionTerminal, TheEndIsShownBeforeItIsTold) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash("read x; seq 1 20000; printf done; exit 3"));
  auto viewer = daemon.attach(giving());
  OwnTerminal terminal;
  ASSERT_TRUE(give(*viewer, terminal.fd()));
  terminal.type("\r");
  ASSERT_TRUE(terminal.wait_text("20000\r\ndone"));
  ASSERT_TRUE(viewer->wait_ended());
  EXPECT_EQ(viewer->ended->value, 3);
  ASSERT_TRUE(viewer->back);
  EXPECT_EQ(viewer->back->at_line_start, 0);
}

TEST(SessionTerminal, OneThatWasFrozenIsDrawnAnew) {
  SessionDriver daemon;
  auto spec =
      SessionDriver::spec_for({"/bin/bash", "-c", "read x; seq 1 500000; printf done; read x"});
  spec.scrollback = kMinScrollback;
  ASSERT_TRUE(daemon.start(spec));
  auto frozen = daemon.attach(giving());
  OwnTerminal terminal;
  ASSERT_TRUE(give(*frozen, terminal.fd()));
  auto other = daemon.attach();
  other->type("\n");
  ASSERT_TRUE(other->wait_text("500000\r\ndone"));
  std::string all = "\r\n";
  for (int i = 1; i <= 500'000; ++i) all.append(std::to_string(i)).append("\r\n");
  ptyd::Screen expected(kSize);
  expected.feed(as_bytes(all + "done"));
  EXPECT_TRUE(terminal.read_until([&] {
    return terminal.shown.ends_with("m") && expected.difference(terminal.screen()).empty();
  })) << terminal.screen().draw_lines(false);
}

TEST(SessionTerminal, WhatIsToBeShownComesBetweenCharacters) {
  SessionDriver daemon;
  ASSERT_TRUE(
      daemon.start_bash("stty -echo; printf 'half \\xc3'; read x; printf '\\xa4 whole'; read x; "
                        "printf '\\033[?1049hfull'; read x"));
  auto viewer = daemon.attach(giving());
  OwnTerminal terminal;
  ASSERT_TRUE(give(*viewer, terminal.fd()));
  ASSERT_TRUE(terminal.read_until([&] {
    return terminal.shown.find("half") != std::string::npos && terminal.shown.ends_with("\xc3");
  }));
  viewer->socket().send(Show{"[text]", "[full]"});
  terminal.type("\r");
  ASSERT_TRUE(terminal.wait_text("[text]"));
  EXPECT_LT(terminal.shown.find("\xa4 whole"), terminal.shown.find("[text]"));
  terminal.type("\r");
  ASSERT_TRUE(terminal.wait_text("full"));
  viewer->socket().send(Show{"[text 2]", "[full 2]"});
  ASSERT_TRUE(terminal.wait_text("[full 2]"));
  EXPECT_EQ(terminal.shown.find("[text 2]"), std::string::npos);
}

TEST(SessionTerminal, WhatIsNoTerminalIsRefusedAndTheClientShowsAllByItself) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash("echo hello; read x; echo bye; read x"));
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const UniqueFd multiplexer(::open("/dev/ptmx", O_RDWR | O_CLOEXEC | O_NOCTTY));
  for (const int fd : {null.get(), multiplexer.get(), -1}) {
    auto viewer = daemon.attach(giving());
    EXPECT_FALSE(give(*viewer, fd));
    EXPECT_TRUE(
        viewer->read_until([&] { return viewer->shown.find("hello") != std::string::npos; }));
  }
}

TEST(SessionTerminal, OneThatWasNotAskedForCostsTheViewer) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_command({"cat"}));
  auto viewer = daemon.attach();
  EXPECT_EQ(viewer->attached->wants_terminal, 0);
  const OwnTerminal terminal;
  viewer->socket().send(FrameType::kTerminal, {}, terminal.fd());
  EXPECT_TRUE(viewer->wait_closed());
  EXPECT_TRUE(viewer->error);
}

TEST(SessionTerminal, AHangUpIsTheEndOfTheViewerAlone) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_command({"cat"}));
  auto viewer = daemon.attach(giving());
  OwnTerminal terminal;
  ASSERT_TRUE(give(*viewer, terminal.fd()));
  terminal.hang_up();
  EXPECT_TRUE(viewer->wait_closed());
  auto other = daemon.attach();
  other->type("still here\n");
  EXPECT_TRUE(other->wait_text("still here\r\nstill here"));
}

TEST(SessionTerminal, AReadOnlyOneDetachesAndTypesNothing) {
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_command({"cat"}));
  auto client = giving();
  client.read_only = 1;
  auto viewer = daemon.attach(client);
  OwnTerminal terminal;
  ASSERT_TRUE(give(*viewer, terminal.fd()));
  terminal.type("not this\r");
  auto other = daemon.attach();
  other->type("marker\n");
  ASSERT_TRUE(terminal.wait_text("marker\r\nmarker"));
  EXPECT_EQ(terminal.shown.find("not this"), std::string::npos);
  terminal.type("\x1d\x1d\x1d");
  EXPECT_TRUE(viewer->wait_closed());
}

// A terminal is a channel back to its user, who must be the host's.
TEST(SessionTerminal, OfAnotherUserIsNotWanted) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to connect as somebody else";
  SessionDriver daemon;
  ASSERT_TRUE(daemon.start_bash("echo hello; read x"));
  constexpr uid_t kNobody = 65534;
  ASSERT_EQ(::seteuid(kNobody), 0);
  std::error_code error;
  auto connection = unix_socket_pair(error);
  ASSERT_EQ(::seteuid(0), 0);
  auto viewer = daemon.attach_by(std::move(connection), giving());
  EXPECT_EQ(viewer->attached->wants_terminal, 0);
  EXPECT_TRUE(viewer->read_until([&] { return viewer->shown.find("hello") != std::string::npos; }));
}

}  // namespace
}  // namespace ptyd::test
