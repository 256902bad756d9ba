// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/program_files.hpp"

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

std::string find_program(const std::string& name, const char* variable,
                         const std::string& configured, const std::string& build_folder) {
  // No program changes its environment.
  const char* overriding = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
  if (overriding != nullptr) return overriding;
  if (!configured.empty()) return configured;
  const std::filesystem::path beside = own_folder();
  for (const auto& candidate : {std::filesystem::path(PTYD_LIBEXEC_DIR) / name, beside / name,
                                beside / ".." / build_folder / name})
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  return {};
}

}  // namespace

std::string find_session_program(const std::string& configured) {
  return find_program("ptyd-session", "PTYD_SESSION_PROGRAM", configured, "session");
}

std::string find_web_program() { return find_program("ptyd-web", "PTYD_WEB_PROGRAM", {}, "web"); }

}  // namespace ptyd
