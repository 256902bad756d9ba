// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever is printed, and wherever a viewer joins: it gets what one has that has seen all.
#include "common/terminal/screen.hpp"

#include "common/wire.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace ptyd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto rows = static_cast<std::uint16_t>(1 + fuzz::take_byte(input) % 12);
  const auto columns = static_cast<std::uint16_t>(1 + fuzz::take_byte(input) % 40);
  const auto seed = fuzz::take_byte(input);
  const TerminalSize terminal{rows, columns};
  const auto cut = input.size() * seed / 256;
  Screen all(terminal);
  all.feed(input.first(cut));
  if (seed % 4 == 0) all.resize({columns, rows});
  Screen joined(all.size());
  joined.feed(as_bytes(all.draw({seed % 2 == 0, {}})));
  fuzz::require(all.difference(joined).empty());
  fuzz::in_pieces(input.subspan(cut), seed, [&](fuzz::Input piece) { all.feed(piece); });
  joined.feed(input.subspan(cut));
  fuzz::require(all.difference(joined).empty());
  fuzz::require(all.draw_lines(true) == joined.draw_lines(true));

  Screen skipped(terminal);
  skipped.skip(input);
  Screen whole(terminal);
  whole.feed(input);
  fuzz::require(skipped.modes().restore() == whole.modes().restore());
  return 0;
}
