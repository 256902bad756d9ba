// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/protocol.hpp"

#include <gtest/gtest.h>

namespace ptyd {
namespace {

// Each message with no field at its default, so that a forgotten or swapped field shows.
SessionSpec full_spec() {
  return {.id = "0123456789abcdef",
          .name = "build",
          .command = {"sh", "-c", "echo 'a b'"},
          .environment = {"A=1", "B="},
          .cwd = "/srv",
          .term = "xterm",
          .rows = 50,
          .columns = 132,
          .login_shell = 1,
          .scrollback = 1ULL << 33,
          .stop_input = "stop\n",
          .stop_timeout_ms = 5000,
          .idle_after_ms = 60'000,
          .created_at = 1'700'000'000'000'000,
          .terminate_on_drain = 1,
          .user_environment = {"HOME=/home/al", "USER=al"}};
}

Register full_register() {
  return {.phase = HostPhase::kEnded,
          .id = "0123456789abcdef",
          .command_pid = 4321,
          .terminal = "/dev/pts/3",
          .started_at = -5,
          .idle = 1,
          .viewers = 2,
          .end_kind = EndKind::kSignaled,
          .end_value = 9,
          .ended_at = 6,
          .forced = 1,
          .spec = encode(full_spec()),
          .supervised = 1,
          .stopping = 1};
}

template <typename Message>
void expect_round_trip(const Message& message) {
  const auto bytes = encode(message);
  const auto back = decode<Message>(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(encode(*back), bytes);
  // A newer sender's message has more at its end.
  auto longer = bytes;
  longer.push_back(42);
  const auto from_newer = decode<Message>(longer);
  ASSERT_TRUE(from_newer);
  EXPECT_EQ(encode(*from_newer), bytes);
  // Cut anywhere, it is an older sender's (cut between fields) or an error.
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto cut = decode<Message>(std::span(bytes).first(size));
    if (!cut) continue;
    const auto again = encode(*cut);
    EXPECT_EQ(Bytes(again.begin(), again.begin() + static_cast<std::ptrdiff_t>(size)),
              Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)));
  }
  EXPECT_TRUE(decode<Message>({}));
}

TEST(Protocol, EveryMessageComesBack) {
  expect_round_trip(ProtocolError{"denied", "not yours"});
  expect_round_trip(Attached{1ULL << 40, 24, 80, 1, "id", "name", 1, 1});
  expect_round_trip(Gap{1ULL << 50});
  expect_round_trip(Resize{25, 81});
  expect_round_trip(Detached{"stolen"});
  expect_round_trip(Ended{EndKind::kSignaled, 15});
  expect_round_trip(full_spec());
  expect_round_trip(full_register());
  expect_round_trip(Started{77, "/dev/pts/9", 123});
  expect_round_trip(StartFailed{"exec", 2});
  expect_round_trip(HostStatus{1, 3, 24, 80, 1});
  expect_round_trip(HostEnded{EndKind::kExited, -1, 99, 1});
  expect_round_trip(PassClient{5, 1000, 1, 1, 24, 80, Restore::kTail, 1, 1, 1ULL << 40});
  expect_round_trip(TerminalTaken{1});
  expect_round_trip(TerminalBack{1, "\x1b[m", 2});
  expect_round_trip(Show{"text", "over"});
  expect_round_trip(HostCapture{12, 1});
  expect_round_trip(HostInput{6, Bytes{0, 1, 255}});
  expect_round_trip(HostSignal{7, 15});
  expect_round_trip(HostTerminate{8, 5000});
  expect_round_trip(HostResize{9, 24, 80});
  expect_round_trip(HostDetach{10});
  expect_round_trip(Done{11, 3, 4});
}

TEST(Protocol, FieldsKeepTheirPlaces) {
  const auto spec = decode<SessionSpec>(encode(full_spec()));
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->command, full_spec().command);
  EXPECT_EQ(spec->environment, full_spec().environment);
  EXPECT_EQ(spec->cwd, "/srv");
  EXPECT_EQ(spec->scrollback, 1ULL << 33);
  EXPECT_EQ(spec->created_at, full_spec().created_at);
  const auto registration = decode<Register>(encode(full_register()));
  ASSERT_TRUE(registration);
  EXPECT_EQ(registration->phase, HostPhase::kEnded);
  EXPECT_EQ(registration->started_at, -5);
  EXPECT_EQ(registration->end_kind, EndKind::kSignaled);
  EXPECT_EQ(registration->spec, encode(full_spec()));
}

TEST(Protocol, WireLayoutIsTheDocumentedOne) {
  EXPECT_EQ(encode(Ended{EndKind::kSignaled, 15}), (Bytes{1, 15, 0, 0, 0}));
  EXPECT_EQ(encode(Resize{24, 80}), (Bytes{24, 0, 80, 0}));
  EXPECT_EQ(encode(HostInput{1, {7}}), (Bytes{1, 0, 0, 0, 1, 0, 0, 0, 7}));
  Hello hello;
  hello.software = "x";
  EXPECT_EQ(encode_hello(hello), (Bytes{'P', 'T', 'Y', 'D', 1, 0, 1, 0, 0, 1, 0, 0, 0, 'x'}));
}

TEST(Protocol, MissingFieldsKeepTheirDefaults) {
  const auto spec = decode<SessionSpec>(WireWriter().text("id").text("name").take());
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->name, "name");
  EXPECT_EQ(spec->rows, kDefaultRows);
  EXPECT_EQ(spec->columns, kDefaultColumns);
}

TEST(Hello, ComesBack) {
  const auto back = decode_hello(encode_hello({1, 3, Role::kHost, "ptyd-session 1"}));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->min_version, 1);
  EXPECT_EQ(back->max_version, 3);
  EXPECT_EQ(back->role, Role::kHost);
  EXPECT_EQ(back->software, "ptyd-session 1");
}

TEST(Hello, IsRefusedWhenItIsNone) {
  const auto good = encode_hello({});
  for (std::size_t size = 0; size < 8; ++size)
    EXPECT_FALSE(decode_hello(std::span(good).first(size))) << size;
  EXPECT_FALSE(decode_hello(as_bytes("PTYE\1\0\1\0")));
  EXPECT_FALSE(decode_hello(encode_hello({0, 1, Role::kClient, ""})));
  EXPECT_FALSE(decode_hello(encode_hello({2, 1, Role::kClient, ""})));
}

TEST(Hello, AgreesOnTheHighestVersionOfBoth) {
  EXPECT_EQ(common_version({1, 1, Role::kClient, ""}), 1);
  EXPECT_EQ(common_version({1, 65535, Role::kClient, ""}), kProtocolMax);
  constexpr auto kNewer = static_cast<std::uint16_t>(kProtocolMax + 1);
  EXPECT_FALSE(common_version({kNewer, kNewer, Role::kClient, ""}));
}

TEST(Hello, SaysWhichSideIsTooOld) {
  constexpr auto kNewer = static_cast<std::uint16_t>(kProtocolMax + 1);
  const auto newer = version_mismatch({kNewer, kNewer, Role::kClient, ""}, "ptyctl");
  EXPECT_NE(newer.find("upgrade this side"), std::string::npos) << newer;
  const auto older = version_mismatch({0, 0, Role::kClient, ""}, "ptyctl");
  EXPECT_NE(older.find("upgrade ptyctl"), std::string::npos) << older;
}

TEST(TerminalSize, HasLimits) {
  EXPECT_TRUE(is_valid({1, 1}));
  EXPECT_TRUE(is_valid({kMaxTerminalSide, kMaxTerminalSide}));
  EXPECT_FALSE(is_valid({0, 80}));
  EXPECT_FALSE(is_valid({24, 0}));
  EXPECT_FALSE(is_valid({kMaxTerminalSide + 1, 80}));
  EXPECT_FALSE(is_valid({24, 65535}));
}

}  // namespace
}  // namespace ptyd
