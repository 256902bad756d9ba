// SPDX-License-Identifier: LGPL-2.1-or-later
// What a file in the queue's folder is read as is the same after it was written once more.
#include "daemon/queue_entry.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace ptyd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = decode_message({data, size});
  if (!message) return 0;
  std::string problem;
  const auto entry = queue_entry_from_record(message->json, problem);
  fuzz::require(entry.has_value() == problem.empty());
  if (!entry) return 0;
  fuzz::require(to_public_json(*entry).is_object());
  const auto record = to_record(*entry);
  const auto again = queue_entry_from_record(record, problem);
  fuzz::require(again && to_record(*again) == record);
  return 0;
}
