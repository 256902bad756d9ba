// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/scrollback/scrollback.hpp"
#include "common/scrollback/reader.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <functional>
#include <random>
#include <thread>

#include "tests/support/temp_dir.hpp"

namespace ptyd {
namespace {

// What stands at a position, so that any misplaced byte shows. In every third segment what cannot
// be packed.
std::uint8_t byte_at(std::uint64_t position) {
  const auto grain = position / kScrollbackSegment % 3 == 2 ? 1U : 16U;
  return static_cast<std::uint8_t>((position / grain * 0x9e3779b97f4a7c15ULL) >> 56);
}

Scrollback create(std::uint64_t capacity) {
  std::error_code error;
  auto scrollback = Scrollback::create(capacity, error);
  EXPECT_FALSE(error) << error.message();
  return std::move(*scrollback);
}

void print(Scrollback& scrollback, std::size_t size) {
  const auto area = scrollback.write_area();
  for (std::size_t i = 0; i < size; ++i) area[i] = byte_at(scrollback.head() + i);
  scrollback.commit(size);
}

UniqueFd duplicate(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

std::optional<ScrollbackReader> reader_of(const Scrollback& scrollback) {
  std::error_code error;
  return ScrollbackReader::open(duplicate(scrollback.fd()), error);
}

template <typename Range>
testing::AssertionResult stands_at(std::uint64_t position, const Range& bytes) {
  for (const auto byte : bytes) {
    if (byte != byte_at(position))
      return testing::AssertionFailure() << "wrong byte at position " << position;
    ++position;
  }
  return testing::AssertionSuccess();
}

// Reads all the time while `write` runs, which fills the scrollback.
void expect_right_bytes_beside(const Scrollback& scrollback, const std::function<void()>& write) {
  const auto reader = reader_of(scrollback);
  ASSERT_TRUE(reader);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    write();
    done = true;
  });
  std::size_t wrong = 0, reads = 0, bytes = 0;
  while (!done || reads == 0) {
    const auto tail = reader->tail(~0ULL);
    if (!stands_at(tail.start, tail.bytes)) ++wrong;
    ++reads;
    bytes += tail.bytes.size();
  }
  writer.join();
  EXPECT_EQ(wrong, 0U) << "of " << reads;
  EXPECT_EQ(reader->tail(~0ULL).bytes.size(), scrollback.capacity());
  testing::Test::RecordProperty("reads", static_cast<int>(reads));
  testing::Test::RecordProperty("bytes", static_cast<int>(bytes));
}

TEST(Scrollback, BeginsEmptyWithTheCapacityAskedFor) {
  const auto scrollback = create(1024 * 1024);
  EXPECT_EQ(scrollback.capacity(), 1024U * 1024);
  EXPECT_EQ(scrollback.head(), 0U);
  EXPECT_EQ(scrollback.oldest(), 0U);
  EXPECT_TRUE(scrollback.view(0, 100).empty());
}

TEST(Scrollback, KeepsCapacityWithinItsLimits) {
  EXPECT_EQ(create(0).capacity(), kMinScrollback);
  EXPECT_EQ(create(kMinScrollback + 1).capacity(), 2 * kMinScrollback);
  EXPECT_EQ(create(~0ULL).capacity(), kMaxScrollback);  // no memory is taken before it is used
}

TEST(Scrollback, KeepsTheLastBytesThroughManyRounds) {
  auto scrollback = create(kMinScrollback);
  const std::array<std::size_t, 6> sizes{1, 4095, kMaxOutputRead, 0, 777, 19'000};
  for (int round = 0; round < 200; ++round) {
    print(scrollback, sizes[static_cast<std::size_t>(round) % sizes.size()]);
    const auto oldest = scrollback.oldest();
    ASSERT_EQ(scrollback.head() - oldest, std::min(scrollback.head(), scrollback.capacity()));
    const auto all = scrollback.view(oldest, scrollback.capacity());
    ASSERT_EQ(all.size(), scrollback.head() - oldest);
    ASSERT_TRUE(stands_at(oldest, all));
  }
}

TEST(Scrollback, KeepsWhatIsReadableWhileTheNextOutputIsWritten) {
  auto scrollback = create(kMinScrollback);
  for (int i = 0; i < 10; ++i) print(scrollback, kMaxOutputRead - 1);
  // The write area is filled, but not yet committed.
  const auto area = scrollback.write_area();
  std::fill(area.begin(), area.end(), std::uint8_t{0});
  EXPECT_TRUE(
      stands_at(scrollback.oldest(), scrollback.view(scrollback.oldest(), scrollback.capacity())));
}

TEST(Scrollback, StaysWithWhomItIsMovedTo) {
  auto first = create(kMinScrollback);
  print(first, 1000);
  auto second = std::move(first);
  print(second, 1000);
  EXPECT_TRUE(stands_at(0, second.view(0, 2000)));
}

// Bytes that the file takes, not its size.
std::uint64_t memory_of(const Scrollback& scrollback) {
  struct stat status {};
  EXPECT_EQ(::fstat(scrollback.fd(), &status), 0);
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

void pack_all(Scrollback& scrollback) {
  while (scrollback.pack_segment()) continue;
}

TEST(ScrollbackPacking, TakesLessMemoryAndLosesNothing) {
  auto scrollback = create(1024 * 1024);
  const auto reader = reader_of(scrollback);
  while (scrollback.head() < 5'000'000) print(scrollback, 40'000);
  const auto before = memory_of(scrollback);
  pack_all(scrollback);
  // A third cannot be packed.
  EXPECT_LT(memory_of(scrollback), before * 6 / 10);
  EXPECT_GT(before, scrollback.capacity());
  const auto tail = reader->tail(~0ULL);
  EXPECT_EQ(tail.start, scrollback.oldest());
  EXPECT_EQ(tail.bytes.size(), scrollback.capacity());
  EXPECT_TRUE(stands_at(tail.start, tail.bytes));
  const auto all = scrollback.view(scrollback.oldest(), scrollback.capacity());
  ASSERT_EQ(all.size(), scrollback.capacity());
  EXPECT_TRUE(stands_at(scrollback.oldest(), all));
  // Looked at, it is as large as it was, until it is packed again.
  EXPECT_GT(memory_of(scrollback), before * 9 / 10);
  pack_all(scrollback);
  EXPECT_LT(memory_of(scrollback), before * 6 / 10);
  EXPECT_FALSE(scrollback.pack_segment());
}

TEST(ScrollbackPacking, GivesAllMemoryBackThatPackedSegmentsTook) {
  auto scrollback = create(1024 * 1024);
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 20; ++i) print(scrollback, kMaxOutputRead);
    pack_all(scrollback);
  }
  while (scrollback.head() < 40'000'000) print(scrollback, kMaxOutputRead);
  // The ring, and the header with its table.
  EXPECT_LE(memory_of(scrollback), scrollback.capacity() + 2 * kMaxOutputRead);
}

TEST(ScrollbackPacking, WhateverIsDoneInWhateverOrderEveryByteIsRight) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto up_to = [&random](std::uint64_t most) { return random() % (most + 1); };
  for (const auto capacity : {kMinScrollback, 2 * kMinScrollback, 5 * kMinScrollback}) {
    auto scrollback = create(capacity);
    const auto reader = reader_of(scrollback);
    for (int i = 0; i < 3000; ++i) {
      switch (up_to(4)) {
        case 0: print(scrollback, up_to(kMaxOutputRead)); break;
        case 1: print(scrollback, up_to(4095)); break;
        case 2: (void)scrollback.pack_segment(); break;
        case 3: {
          const auto kept = scrollback.head() - scrollback.oldest();
          const auto position = scrollback.oldest() + up_to(kept);
          const auto bytes = scrollback.view(position, up_to(kept));
          ASSERT_TRUE(stands_at(position, bytes));
          break;
        }
        default: {
          const auto tail = reader->tail(up_to(capacity));
          ASSERT_EQ(tail.start + tail.bytes.size(), scrollback.head());
          ASSERT_TRUE(stands_at(tail.start, tail.bytes));
        }
      }
    }
  }
}

TEST(ScrollbackPacking, GoesOnBesideAReader) {
  auto scrollback = create(512 * 1024);
  expect_right_bytes_beside(scrollback, [&] {
    for (std::size_t i = 0; i < 3000; ++i) {
      print(scrollback, 1 + (i * 7919) % kMaxOutputRead);
      if (i % 3 != 0) pack_all(scrollback);
      if (i % 7 == 0) (void)scrollback.view(scrollback.oldest(), 100'000);
    }
  });
}

TEST(ScrollbackReader, SeesWhatWasWritten) {
  auto scrollback = create(kMinScrollback);
  const auto reader = reader_of(scrollback);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->capacity(), scrollback.capacity());
  EXPECT_TRUE(reader->tail(100).bytes.empty());
  for (int i = 0; i < 50; ++i) {
    print(scrollback, 5000);
    EXPECT_EQ(reader->head(), scrollback.head());
    const auto all = reader->tail(~0ULL);
    EXPECT_EQ(all.start, scrollback.oldest());
    EXPECT_EQ(all.bytes.size(), scrollback.head() - scrollback.oldest());
    EXPECT_TRUE(stands_at(all.start, all.bytes));
    const auto last = reader->tail(10);
    EXPECT_EQ(last.start, scrollback.head() - 10);
    EXPECT_TRUE(stands_at(last.start, last.bytes));
  }
  scrollback.set_last_activity(123456);
  EXPECT_EQ(reader->last_activity_us(), 123456);
}

TEST(ScrollbackReader, OutlivesTheWriter) {
  std::optional<ScrollbackReader> reader;
  {
    auto scrollback = create(kMinScrollback);
    print(scrollback, 100);
    reader = reader_of(scrollback);
  }
  ASSERT_TRUE(reader);
  EXPECT_TRUE(stands_at(0, reader->tail(100).bytes));
}

TEST(ScrollbackReader, GivesOnlyRightBytesWhileTheWriterRuns) {
  auto scrollback = create(kMinScrollback);
  expect_right_bytes_beside(scrollback, [&] {
    for (std::size_t i = 0; i < 1500; ++i) print(scrollback, 1 + (i * 7919) % kMaxOutputRead);
  });
}

// ---- what a hostile host may pass as its scrollback ----

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

struct Header {
  std::uint64_t magic = ScrollbackHeader::kMagic;
  std::uint32_t version = 1;
  std::uint32_t data_offset = 64 * 1024;
  std::uint64_t capacity = 64 * 1024;
  std::uint64_t ring_size = 128 * 1024;
  std::uint64_t head = 0;
  std::int64_t last_activity_us = 0;
  std::uint64_t packed_offset = 0;
  std::uint32_t table_offset = 0;
  std::uint32_t segment_size = 0;
  std::uint64_t changes = 0;
};
static_assert(sizeof(Header) == sizeof(ScrollbackHeader));

UniqueFd memory_file(const Header& header, int seals = kSeals, off_t size = 192 * 1024) {
  UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(fd.get(), size), 0);
  if (size >= static_cast<off_t>(sizeof header)) {
    EXPECT_EQ(::pwrite(fd.get(), &header, sizeof header, 0), static_cast<ssize_t>(sizeof header));
  }
  EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, seals), 0);
  return fd;
}

bool opens(UniqueFd fd) {
  std::error_code error;
  const auto reader = ScrollbackReader::open(std::move(fd), error);
  EXPECT_EQ(reader.has_value(), !error);
  return reader.has_value();
}

TEST(ScrollbackReader, TakesTheDocumentedLayout) { EXPECT_TRUE(opens(memory_file({}))); }

TEST(ScrollbackReader, RefusesFilesThatCouldChangeTheirSize) {
  EXPECT_FALSE(opens(memory_file({}, 0)));
  EXPECT_FALSE(opens(memory_file({}, F_SEAL_GROW | F_SEAL_SEAL)));
  EXPECT_FALSE(opens(memory_file({}, F_SEAL_SHRINK | F_SEAL_SEAL)));
}

TEST(ScrollbackReader, RefusesWhatIsNoMemoryFile) {
  EXPECT_FALSE(opens(UniqueFd()));
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const UniqueFd write_end(pipe[1]);
  EXPECT_FALSE(opens(UniqueFd(pipe[0])));
  const test::TempDir dir;
  test::write_file(dir / "file", std::string(192 * 1024, '\0'));
  EXPECT_FALSE(opens(UniqueFd(::open((dir / "file").c_str(), O_RDWR | O_CLOEXEC))));
  EXPECT_FALSE(opens(UniqueFd(::open("/dev/zero", O_RDONLY | O_CLOEXEC))));
  EXPECT_FALSE(opens(UniqueFd(::open(dir.path().c_str(), O_RDONLY | O_CLOEXEC))));
}

TEST(ScrollbackReader, RefusesDescriptorsItCannotReadFrom) {
  const auto file = memory_file({});
  const auto path = "/proc/self/fd/" + std::to_string(file.get());
  EXPECT_FALSE(opens(UniqueFd(::open(path.c_str(), O_WRONLY | O_CLOEXEC))));
  EXPECT_FALSE(opens(UniqueFd(::open(path.c_str(), O_PATH | O_CLOEXEC))));
}

TEST(ScrollbackReader, RefusesHeadersThatDoNotFitTheFile) {
  constexpr auto kHuge = ~0ULL;
  const std::vector<Header> headers{
      {.magic = 0},
      {.magic = kHuge},
      {.capacity = 0},
      {.capacity = 128 * 1024 + 1},
      {.capacity = kHuge, .ring_size = kHuge},
      {.capacity = kMaxScrollback + 1, .ring_size = kMaxScrollback + 1},
      {.ring_size = 0},
      {.ring_size = 64 * 1024 - 1},
      {.ring_size = 192 * 1024},
      {.ring_size = kHuge},
      {.data_offset = 64 * 1024 + 1},
      {.data_offset = 0xffffffff},
  };
  for (std::size_t i = 0; i < headers.size(); ++i)
    EXPECT_FALSE(opens(memory_file(headers[i]))) << i;
  EXPECT_FALSE(opens(memory_file({}, kSeals, 0)));
  EXPECT_FALSE(opens(memory_file({}, kSeals, sizeof(Header) - 1)));
  EXPECT_FALSE(opens(memory_file({}, kSeals, sizeof(Header))));
}

TEST(ScrollbackReader, ReadsWithinTheRingWhateverTheHeadSays) {
  for (const std::uint64_t head : {~0ULL, ~0ULL - 1, 1ULL << 63, 64ULL * 1024 + 1}) {
    auto fd = memory_file({.head = head});
    std::error_code error;
    const auto reader = ScrollbackReader::open(std::move(fd), error);
    ASSERT_TRUE(reader);
    EXPECT_EQ(reader->tail(~0ULL).bytes.size(), 64U * 1024) << head;
  }
}

TEST(ScrollbackReader, SurvivesAHeaderThatChangesLater) {
  auto fd = memory_file({.head = 1000});
  const auto writer = duplicate(fd.get());
  std::error_code error;
  const auto reader = ScrollbackReader::open(std::move(fd), error);
  ASSERT_TRUE(reader);
  const Header hostile{
      .magic = 0, .data_offset = 0xffffffff, .capacity = ~0ULL, .ring_size = 0, .head = ~0ULL};
  ASSERT_EQ(::pwrite(writer.get(), &hostile, sizeof hostile, 0),
            static_cast<ssize_t>(sizeof hostile));
  EXPECT_LE(reader->tail(~0ULL).bytes.size(), 64U * 1024);
}

// ---- packed by a hostile host ----

constexpr off_t kPackedFile = 64 * 1024 + 2 * 128 * 1024;

Header packed_header() {
  return {.head = 128 * 1024,
          .packed_offset = 192 * 1024,
          .table_offset = sizeof(Header),
          .segment_size = 64 * 1024};
}

TEST(ScrollbackReader, RefusesPackedAreasThatDoNotFitTheFile) {
  EXPECT_TRUE(opens(memory_file(packed_header(), kSeals, kPackedFile)));
  const auto refuses = [](auto change) {
    auto header = packed_header();
    change(header);
    return !opens(memory_file(header, kSeals, kPackedFile));
  };
  EXPECT_TRUE(refuses([](Header& h) { h.packed_offset = 192 * 1024 + 1; }));
  EXPECT_TRUE(refuses([](Header& h) { h.packed_offset = ~0ULL; }));
  EXPECT_TRUE(refuses([](Header& h) { h.table_offset = kPackedFile - 3; }));
  EXPECT_TRUE(refuses([](Header& h) { h.table_offset = ~0U; }));
  EXPECT_TRUE(refuses([](Header& h) { h.segment_size = 0; }));
  EXPECT_TRUE(refuses([](Header& h) { h.segment_size = 32 * 1024; }));
  EXPECT_TRUE(refuses([](Header& h) { h.ring_size = 128 * 1024 - 1; }));
}

TEST(ScrollbackReader, LeavesOutWhatCannotBeUnpacked) {
  // The older of the two segments has never been packed, then the newer.
  for (const std::size_t broken : {0U, 1U})
    for (const auto size :
         {std::uint16_t{1}, std::uint16_t{1000}, std::uint16_t{49152}, std::uint16_t{65535}}) {
      auto fd = memory_file(packed_header(), kSeals, kPackedFile);
      ASSERT_EQ(::pwrite(fd.get(), &size, sizeof size,
                         static_cast<off_t>(sizeof(Header) + broken * sizeof size)),
                static_cast<ssize_t>(sizeof size));
      std::error_code error;
      const auto reader = ScrollbackReader::open(std::move(fd), error);
      ASSERT_TRUE(reader);
      const auto tail = reader->tail(~0ULL);
      // capacity() is one segment, the newer one.
      EXPECT_EQ(tail.bytes.size(), broken == 0 ? 64U * 1024 : 0U) << size;
      EXPECT_EQ(tail.start + tail.bytes.size(), 128U * 1024);
    }
}

TEST(ScrollbackReader, ComesToAnEndWhileTheTableChangesAllTheTime) {
  auto fd = memory_file(packed_header(), kSeals, kPackedFile);
  const auto writer_fd = duplicate(fd.get());
  std::error_code error;
  const auto reader = ScrollbackReader::open(std::move(fd), error);
  ASSERT_TRUE(reader);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (std::uint64_t changes = 0; !done; ++changes)
      (void)::pwrite(writer_fd.get(), &changes, sizeof changes, offsetof(Header, changes));
  });
  for (int i = 0; i < 100; ++i) EXPECT_EQ(reader->tail(100).bytes.size() % 100, 0U);
  done = true;
  writer.join();
}

}  // namespace
}  // namespace ptyd
