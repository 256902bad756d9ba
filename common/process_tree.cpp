// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/process_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "common/unique_fd.hpp"

namespace ptyd {
namespace {

std::string read_at(int folder, const std::string& path) {
  std::string text;
  const UniqueFd fd(::openat(folder, path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return text;
  std::array<char, 2048> buffer;
  ssize_t n = 0;
  while ((n = ::read(fd.get(), buffer.data(), buffer.size())) > 0)
    text.append(buffer.data(), static_cast<std::size_t>(n));
  return text;
}

std::string read_proc(const std::string& path) { return read_at(AT_FDCWD, path); }

void append_pids(const std::string& text, std::vector<pid_t>& out) {
  const char* at = text.c_str();
  char* end = nullptr;
  for (long pid = std::strtol(at, &end, 10); end != at; pid = std::strtol(at, &end, 10)) {
    out.push_back(static_cast<pid_t>(pid));
    at = end;
  }
}

// Not by opendir(3): its buffer of 32 KiB would be new memory in a process that has little.
void append_children(pid_t pid, std::vector<pid_t>& out) {
  const auto path = "/proc/" + std::to_string(pid) + "/task";
  const UniqueFd tasks(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!tasks) return;
  alignas(dirent64) std::array<char, 1024> buffer;
  ssize_t size = 0;
  while ((size = ::getdents64(tasks.get(), buffer.data(), buffer.size())) > 0) {
    for (ssize_t at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
      at += entry->d_reclen;
      // Children belong to the thread that forked them.
      if (entry->d_name[0] != '.')
        append_pids(read_at(tasks.get(), std::string(entry->d_name) + "/children"), out);
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

// Until the caller reaps it, its number can mean no other.
bool is_own_child(pid_t pid) {
  siginfo_t ignored{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &ignored, WEXITED | WNOHANG | WNOWAIT) == 0;
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
  if (root == ::getpid() && pid > 0 && is_own_child(pid))
    return !contains(without, pid) && ::kill(pid, signal) == 0;
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
