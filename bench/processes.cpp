// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bench/processes.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace ptyd::bench {
namespace {

namespace fs = std::filesystem;

std::string folder_of(pid_t pid) { return "/proc/" + std::to_string(pid); }

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The programs that sessions run here.
bool is_of_a_session(const fs::path& program) {
  static const auto self = fs::read_symlink("/proc/self/exe");
  return program == self || program.filename() == "sleep";
}

}  // namespace

std::vector<pid_t> with_tag(const std::string& value) {
  const auto wanted = std::string(1, '\0') + kTag + "=" + value + std::string(1, '\0');
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const auto name = entry.path().filename().string();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc{}) continue;
    const auto environment = std::string(1, '\0') + contents(entry.path() / "environ");
    if (environment.find(wanted) != std::string::npos) found.push_back(pid);
  }
  return found;
}

bool is_manager(pid_t pid) {
  std::error_code error;
  const auto program = fs::read_symlink(folder_of(pid) + "/exe", error);
  return !error && !is_of_a_session(program);
}

std::chrono::nanoseconds cpu_time(const std::vector<pid_t>& processes) {
  std::int64_t sum = 0;
  for (const auto pid : processes) {
    std::error_code ignored;
    for (const auto& thread : fs::directory_iterator(folder_of(pid) + "/task", ignored)) {
      std::int64_t on_processor = 0;
      std::ifstream(thread.path() / "schedstat") >> on_processor;
      sum += on_processor;
    }
  }
  return std::chrono::nanoseconds(sum);
}

double pss_kib(const std::vector<pid_t>& processes) {
  double sum = 0;
  for (const auto pid : processes) {
    std::ifstream file(folder_of(pid) + "/smaps_rollup");
    for (std::string word; file >> word;)
      if (double kib = 0; word == "Pss:" && file >> kib) sum += kib;
  }
  return sum;
}

}  // namespace ptyd::bench
