// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "tests/support/temp_dir.hpp"
#include "web/metrics.hpp"

namespace ptyd::web {
namespace {

std::set<std::string> found(const std::string& text, const std::string& pattern) {
  std::set<std::string> all;
  const std::regex regex(pattern);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it)
    all.insert((*it)[1]);
  return all;
}

TEST(WebMetrics, AreDocumentedEachAndNoOther) {
  const auto documented = test::read_file(PTYD_SOURCE_DIR "/docs/metrics.md");
  EXPECT_EQ(found(Metrics().text(true), "# TYPE ([a-z_]+)"),
            found(documented, "\n\\| `(ptyd_web_[a-z_]+)"));
}

}  // namespace
}  // namespace ptyd::web
