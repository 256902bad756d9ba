// SPDX-License-Identifier: LGPL-2.1-or-later
// Modes do not depend on how output is cut, and restore() brings another terminal into them.
#include "common/terminal/modes.hpp"

#include "common/wire.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace ptyd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto seed = fuzz::take_byte(input);
  TerminalModes whole;
  whole.feed(input);
  TerminalModes pieces;
  fuzz::in_pieces(input, seed, [&](fuzz::Input piece) { pieces.feed(piece); });
  fuzz::require(pieces.restore() == whole.restore());
  fuzz::require(pieces.undo() == whole.undo());
  fuzz::require(pieces.alternate_entered_at() == whole.alternate_entered_at());
  fuzz::require(pieces.alternate_left_at() == whole.alternate_left_at());

  constexpr std::size_t kReasonable = 1024;
  fuzz::require(whole.restore().size() < kReasonable && whole.undo().size() < kReasonable);
  TerminalModes joined;
  joined.feed(as_bytes(whole.restore()));
  fuzz::require(joined.restore() == whole.restore());
  joined.feed(as_bytes(whole.undo()));
  fuzz::require(!joined.alternate_screen());
  return 0;
}
