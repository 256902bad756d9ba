// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/process.hpp"
#include "tests/support/temp_dir.hpp"

namespace ptyd::test {

// A private dbus-daemon. Without policy files everybody may do everything on it; with some it is as
// strict as a system bus, and they say what is allowed.
class MessageBus {
 public:
  explicit MessageBus(const std::vector<std::filesystem::path>& policy_files = {});

  [[nodiscard]] const std::string& address() const { return address_; }
  // busctl(1) on this bus.
  RunResult busctl(const Arguments& arguments) const;
  // The bus goes away, and comes back at the same address.
  void stop();
  void start();

 private:
  TempDir folder_;
  std::string address_;
  std::string config_;
  std::optional<Process> process_;
};

}  // namespace ptyd::test
