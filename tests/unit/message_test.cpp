// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/message.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/frame.hpp"

namespace ptyd {
namespace {

using std::string_view_literals::operator""sv;

std::optional<Message> decoded(std::string_view text) { return decode_message(as_bytes(text)); }

TEST(Message, IsOneJsonObject) {
  const auto message = decoded(R"({"id": 7, "method": "list"})");
  ASSERT_TRUE(message);
  EXPECT_EQ(message->json["id"], 7);
  EXPECT_TRUE(message->body.empty());
  for (const auto text : {""sv, "{"sv, "[]"sv, "7"sv, "null"sv, "\"text\""sv, "{} {}"sv, "{}x"sv,
                          "{'a':1}"sv, "{\"a\":}"sv, "{\"a\":1,}"sv, "\0{}"sv, "nonsense"sv})
    EXPECT_FALSE(decoded(text)) << text;
}

TEST(Message, CarriesABodyBehindANul) {
  const auto payload = encode_message({{"id", 1}}, as_bytes("raw\0\xff bytes"sv));
  const auto message = decode_message(payload);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->json["id"], 1);
  EXPECT_EQ(as_text(message->body), "raw\0\xff bytes"sv);
  EXPECT_EQ(as_text(encode_message({{"id", 1}})), R"({"id":1})");
}

TEST(Message, RefusesWhatIsNoUtf8) {
  EXPECT_FALSE(decoded("{\"a\":\"\xff\"}"));
  EXPECT_FALSE(decoded("{\"a\":\"\xed\xa0\x80\"}"));
  EXPECT_TRUE(decoded("{\"a\":\"gr\xc3\xbc\xc3\x9f\"}"));
}

TEST(Message, WritesUtf8WhateverItIsGiven) {
  const auto payload = encode_message({{"a", "\xff\n"}});
  const auto message = decode_message(payload);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->json["a"], "\xef\xbf\xbd\n");
}

TEST(Message, RefusesDeepNesting) {
  const auto nested = [](std::size_t depth, char open, char close) {
    return "{\"a\":" + std::string(depth, open) + std::string(depth, close) + "}";
  };
  EXPECT_TRUE(decoded(nested(10, '[', ']')));
  // As deep as a frame allows: whoever copies or prints such a value would use up the stack.
  EXPECT_FALSE(decoded(nested(kMaxFramePayload / 2 - 3, '[', ']')));
  std::string objects;
  for (int i = 0; i < 10'000; ++i) objects += "{\"a\":";
  EXPECT_FALSE(decoded(objects + "1" + std::string(10'000, '}')));
  // Brackets in texts are no nesting.
  EXPECT_TRUE(
      decoded("{\"a\":\"" + std::string(1000, '[') + "\\\"" + std::string(1000, '{') + "\"}"));
}

TEST(Message, TakesNumbersAsTheyCome) {
  const auto message = decoded(R"({"big": 99999999999999999999, "negative": -1, "real": 1e3})");
  ASSERT_TRUE(message);
  EXPECT_TRUE(message->json["big"].is_number_float());
  EXPECT_FALSE(decoded(R"({"a": 1e999})"));
}

TEST(Error, IsWrittenWithWhatItHas) {
  EXPECT_EQ(to_text(to_json({ErrorCode::kNotFound, "no session 'x'"})),
            R"({"code":"not-found","message":"no session 'x'"})");
  const auto full = to_json({ErrorCode::kStartFailed, "cannot run", 2, "exec"});
  EXPECT_EQ(full["errno"], 2);
  EXPECT_EQ(full["stage"], "exec");
}

TEST(Error, HasADistinctCodeForEachKind) {
  std::set<std::string> codes;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code)
    EXPECT_TRUE(codes.insert(to_string(static_cast<ErrorCode>(code))).second) << code;
  EXPECT_EQ(codes.size(), 15U);
}

}  // namespace
}  // namespace ptyd
