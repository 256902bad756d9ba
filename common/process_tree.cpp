// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/process_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "common/unique_fd.hpp"

namespace ptyd {
namespace {

std::string read_proc(const std::string& path) {
  std::string text;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return text;
  std::array<char, 4096> buffer;
  ssize_t n = 0;
  while ((n = ::read(fd.get(), buffer.data(), buffer.size())) > 0)
    text.append(buffer.data(), static_cast<std::size_t>(n));
  return text;
}

void append_children(pid_t pid, std::vector<pid_t>& out) {
  const auto base = "/proc/" + std::to_string(pid) + "/task";
  // Children belong to the thread that forked them.
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(base.c_str()), &::closedir);
  if (!dir) return;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): safe with a stream of its own
  while (const dirent* entry = ::readdir(dir.get())) {
    if (entry->d_name[0] == '.') continue;
    const auto text = read_proc(base + "/" + entry->d_name + "/children");
    const char* at = text.c_str();
    char* end = nullptr;
    for (long child = std::strtol(at, &end, 10); end != at; child = std::strtol(at, &end, 10)) {
      out.push_back(static_cast<pid_t>(child));
      at = end;
    }
  }
}

pid_t parent_of(pid_t pid) {
  const auto stat = read_proc("/proc/" + std::to_string(pid) + "/stat");
  // The name in parentheses may hold anything, parentheses too.
  const auto after_name = stat.rfind(')');
  char state = 0;
  int parent = 0;
  if (after_name == std::string::npos ||
      std::sscanf(stat.c_str() + after_name + 1, " %c %d", &state, &parent) != 2)
    return 0;
  return parent;
}

bool contains(std::span<const pid_t> pids, pid_t pid) {
  return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

bool is_descendant(pid_t root, pid_t pid, std::span<const pid_t> without) {
  // Whoever ends on the way up has handed its children on by then: so begin again, from below.
  constexpr int kMaxAttempts = 100;
  constexpr int kMaxDepth = 10'000;
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    pid_t at = pid;
    for (int depth = 0; depth < kMaxDepth && at > 1; ++depth) {
      if (contains(without, at)) return false;
      const auto parent = parent_of(at);
      if (parent == root) return true;
      if (parent == 0 && at == pid) return false;  // it has ended itself
      at = parent;
    }
    if (at != 0) return false;
  }
  return false;
}

}  // namespace

std::vector<pid_t> children(pid_t parent) {
  std::vector<pid_t> found;
  append_children(parent, found);
  return found;
}

std::vector<pid_t> descendants(pid_t root, std::span<const pid_t> without) {
  auto found = children(root);
  std::erase_if(found, [&](pid_t pid) { return contains(without, pid); });
  for (std::size_t i = 0; i < found.size() && found.size() < kMaxTreeSize; ++i)
    append_children(found[i], found);
  return found;
}

bool signal_descendant(pid_t root, pid_t pid, int signal, std::span<const pid_t> without) {
  // The pidfd first, the check after: once held, it cannot come to mean another process.
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd || !is_descendant(root, pid, without)) return false;
  return ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0;
}

bool ignores_signal(pid_t pid, int signal) {
  const auto status = read_proc("/proc/" + std::to_string(pid) + "/status");
  // The name at its beginning cannot hold a newline as such: the kernel escapes it.
  constexpr char kField[] = "\nSigIgn:";
  const auto field = status.find(kField);
  if (field == std::string::npos) return false;
  const auto mask = std::strtoull(status.c_str() + field + sizeof kField - 1, nullptr, 16);
  return (mask >> (signal - 1) & 1) != 0;
}

}  // namespace ptyd
