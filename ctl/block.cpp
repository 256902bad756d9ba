// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/block.hpp"

#include <algorithm>

namespace ptyd {

void Block::add(const std::string& label, const std::string& text) {
  constexpr std::size_t kLabelWidth = 12;  // of the longest label in use
  const auto indent = kLabelWidth - std::min(kLabelWidth, label.size());
  text_ += std::string(indent, ' ') + label + ": " + text + "\n";
}

}  // namespace ptyd
