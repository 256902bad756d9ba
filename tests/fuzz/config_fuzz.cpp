// SPDX-License-Identifier: LGPL-2.1-or-later
// Any text is a configuration or has problems; none makes the daemon fail.
#include "daemon/config.hpp"

#include "common/wire.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace ptyd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(as_text({data, size}));
  const auto result =
      config_table().parse(text, "ptyd.yaml", [](const std::string&) { return nullptr; });
  for (const auto& problem : result.problems)
    fuzz::require(problem.find('\n') == std::string::npos);
  return 0;
}
