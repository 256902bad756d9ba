// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "common/terminal/detach_keys.hpp"

namespace ptyd {
namespace {

using std::chrono::milliseconds;

class DetachKeysTest : public testing::Test {
 protected:
  // What is passed on, with "!" at the end for a detach.
  std::string type(std::string_view text) {
    const auto result = keys_.feed(as_bytes(text), now_);
    return std::string(as_text(result.pass_on)) + (result.detach ? "!" : "");
  }
  std::string expire() { return std::string(as_text(keys_.expire())); }

  DetachKeys keys_;
  Clock::time_point now_{std::chrono::hours(1)};
};

TEST_F(DetachKeysTest, PassesOtherInputOnAtOnce) {
  EXPECT_EQ(type("ls\r"), "ls\r");
  EXPECT_EQ(type("\x1b[A\x1b"), "\x1b[A\x1b");
  EXPECT_EQ(keys_.deadline(), std::nullopt);
}

TEST_F(DetachKeysTest, DetachesAtTheThirdPressWithinTheWindow) {
  EXPECT_EQ(type("\x1d"), "");
  now_ += milliseconds(400);
  EXPECT_EQ(type("\x1d"), "");
  now_ += milliseconds(599);
  EXPECT_EQ(type("\x1d"), "!");
}

TEST_F(DetachKeysTest, DetachesInOnePieceAfterOtherInput) {
  EXPECT_EQ(type("abc\x1d\x1d\x1d"
                 "dropped"),
            "abc!");
}

TEST_F(DetachKeysTest, GivesHeldKeysBackBeforeAnotherKey) {
  EXPECT_EQ(type("\x1d\x1d"), "");
  EXPECT_EQ(type("x\x1d"), "\x1d\x1dx");
  EXPECT_EQ(expire(), "\x1d");
}

TEST_F(DetachKeysTest, AThirdPressTooLateBeginsAnew) {
  EXPECT_EQ(type("\x1d\x1d"), "");
  now_ += DetachKeys::kWindow;
  EXPECT_EQ(type("\x1d"), "\x1d\x1d");
  EXPECT_EQ(type("\x1d\x1d"), "!");
}

TEST_F(DetachKeysTest, TellsWhenHeldKeysAreDue) {
  const auto pressed = now_;
  type("\x1d");
  now_ += milliseconds(300);
  type("\x1d");
  EXPECT_EQ(keys_.deadline(), pressed + DetachKeys::kWindow);
  EXPECT_EQ(expire(), "\x1d\x1d");
  EXPECT_EQ(keys_.deadline(), std::nullopt);
  EXPECT_EQ(expire(), "");
}

TEST_F(DetachKeysTest, KnowsTheKeyInOtherKeyboardProtocols) {
  EXPECT_EQ(type("\x1b[93;5u\x1b[93;5u\x1b[93;5u"), "!");
  EXPECT_EQ(type("\x1b[27;5;93~\x1b[27;5;93~\x1b[27;5;93~"), "!");
  // Releases in between do not count, and locks do not matter.
  EXPECT_EQ(type("\x1b[93;5:1u\x1b[93;5:3u\x1b[93;69u\x1b[93;69:3u\x1b[93::91;5u"), "!");
}

TEST_F(DetachKeysTest, IsNotMisledByOtherSequences) {
  for (const char* text :
       {"\x1b[93u", "\x1b[93;1u", "\x1b[93;6u", "\x1b[92;5u", "\x1b[93;5", "\x1b[", "\x1b[93;5:3u",
        "\x1b[93;0u", "\x1b[93;;u", "\x1b[4294967296;5u"}) {
    EXPECT_EQ(type(text), text);
    EXPECT_EQ(keys_.deadline(), std::nullopt);
  }
}

}  // namespace
}  // namespace ptyd
