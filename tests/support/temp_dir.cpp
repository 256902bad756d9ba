// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/temp_dir.hpp"

#include <stdlib.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

namespace ptyd::test {
namespace {

// Longer ones (some build machines set such a TMPDIR) leave no room for a socket's name.
constexpr std::size_t kMaxBase = 40;

std::string base_folder() {
  const char* set = ::getenv("TMPDIR");
  const std::string base = set == nullptr ? "" : set;
  return base.empty() || base.size() > kMaxBase ? "/tmp" : base;
}

}  // namespace

TempDir::TempDir() {
  auto name = base_folder() + "/ptyd-test-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(), "mkdtemp " + name);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::filesystem::path& path) {
  // Not by iterators: they throw when a file of /proc is of a process that has just ended.
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace ptyd::test
