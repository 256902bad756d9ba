// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace ptyd {

// A variable of ptyctl's own environment; nothing when it is not set.
inline std::optional<std::string> environment_variable(const std::string& name) {
  // ptyctl has one thread and never changes its environment.
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr) return std::nullopt;
  return value;
}

}  // namespace ptyd
