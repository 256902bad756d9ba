// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace ptyd {

// Lines "Label: text" with the colons below each other. Texts are taken as they are, so that they
// may be styled: printable() what strangers wrote.
class Block {
 public:
  void add(const std::string& label, const std::string& text);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace ptyd
