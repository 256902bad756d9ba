// SPDX-License-Identifier: LGPL-2.1-or-later
// A hostile host's scrollback: any header, with any file behind it.
#include "common/scrollback/reader.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.hpp"

using namespace ptyd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  UniqueFd fd(::memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  fuzz::require(::write(fd.get(), data, size) == static_cast<ssize_t>(size));
  ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  std::error_code error;
  const auto reader = ScrollbackReader::open(std::move(fd), error);
  fuzz::require(reader.has_value() == !error);
  if (!reader) return 0;
  fuzz::require(reader->capacity() <= size);
  const auto tail = reader->tail(~0ULL);
  fuzz::require(tail.bytes.size() <= reader->capacity());
  fuzz::require(reader->tail(7).bytes.size() <= 7);
  return 0;
}
