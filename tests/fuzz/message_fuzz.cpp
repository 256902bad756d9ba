// SPDX-License-Identifier: LGPL-2.1-or-later
// A message comes back the same when it is sent on.
#include "common/message.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace ptyd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = decode_message({data, size});
  if (!message) return 0;
  const auto again = decode_message(encode_message(message->json, message->body));
  fuzz::require(again && again->json == message->json && again->body == message->body);
  return 0;
}
