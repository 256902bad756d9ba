// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/session_program.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace ptyd {
namespace {

// The folder this program's file is in.
std::string own_folder() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string() : program.parent_path().string();
}

}  // namespace

std::string find_session_program(const std::string& configured) {
  // Neither program changes its environment.
  const char* overriding = std::getenv("PTYD_SESSION_PROGRAM");  // NOLINT(concurrency-mt-unsafe)
  if (overriding != nullptr) return overriding;
  if (!configured.empty()) return configured;
  for (const auto& candidate :
       {std::string(PTYD_LIBEXEC_DIR "/ptyd-session"), own_folder() + "/ptyd-session",
        own_folder() + "/../session/ptyd-session"})
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  return {};
}

}  // namespace ptyd
