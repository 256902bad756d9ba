// SPDX-License-Identifier: LGPL-2.1-or-later
// What a payload decodes to is the same after it was sent once more.
#include "common/protocol.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace ptyd;

namespace {

template <typename Message>
void check(fuzz::Input input) {
  const auto message = decode<Message>(input);
  if (!message) return;
  const auto bytes = encode(*message);
  const auto again = decode<Message>(bytes);
  fuzz::require(again && encode(*again) == bytes);
}

void check_hello(fuzz::Input input) {
  const auto hello = decode_hello(input);
  if (!hello) return;
  const auto version = common_version(*hello);
  fuzz::require(!version || (*version >= hello->min_version && *version <= hello->max_version));
  fuzz::require(!version_mismatch(*hello, hello->software).empty());
  const auto bytes = encode_hello(*hello);
  const auto again = decode_hello(bytes);
  fuzz::require(again && encode_hello(*again) == bytes);
}

constexpr void (*kChecks[])(fuzz::Input) = {
    check_hello,          check<ProtocolError>, check<Attached>,    check<Gap>,
    check<Resize>,        check<Detached>,      check<Ended>,       check<SessionSpec>,
    check<Register>,      check<Started>,       check<StartFailed>, check<HostStatus>,
    check<HostEnded>,     check<PassClient>,    check<HostInput>,   check<HostSignal>,
    check<HostTerminate>, check<HostResize>,    check<HostDetach>,  check<Done>,
    check<TerminalTaken>, check<TerminalBack>,  check<Show>,        check<HostCapture>,
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto choice = fuzz::take_byte(input);
  kChecks[choice % std::size(kChecks)](input);
  return 0;
}
