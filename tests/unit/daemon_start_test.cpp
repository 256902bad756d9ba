// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <fstream>

#include "common/unix_socket.hpp"
#include "daemon/instance_lock.hpp"
#include "daemon/listener.hpp"
#include "daemon/paths.hpp"
#include "tests/support/run_loop.hpp"
#include "tests/support/temp_dir.hpp"

namespace ptyd {
namespace {

std::string failure(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(InstanceLock, ASecondOneSaysWhoRuns) {
  const test::TempDir folder;
  const Identity identity{"some-uuid", std::chrono::system_clock::now(), Clock::now(), "/x/sock"};
  auto lock = std::make_unique<InstanceLock>(folder.path(), identity);
  const auto problem = failure([&] { InstanceLock second(folder.path(), identity); });
  EXPECT_TRUE(contains(problem, "already running: pid " + std::to_string(::getpid()))) << problem;
  EXPECT_TRUE(contains(problem, "on /x/sock")) << problem;
  EXPECT_TRUE(contains(problem, format_utc(identity.started_at))) << problem;
  lock.reset();
  EXPECT_EQ(failure([&] { InstanceLock third(folder.path(), identity); }), "");
}

TEST(InstanceLock, AHolderThatWroteNonsenseIsStillAHolder) {
  const test::TempDir folder;
  const Identity identity{"some-uuid", std::chrono::system_clock::now(), Clock::now(), "/x/sock"};
  const InstanceLock lock(folder.path(), identity);
  for (const char* text :
       {"", "{", "[]", "{\"pid\": \"x\"}", "{\"pid\": 1, \"socket\": \"\\u001b\"}"}) {
    std::ofstream(folder / "ptyd.lock") << text;
    const auto problem = failure([&] { InstanceLock second(folder.path(), identity); });
    EXPECT_TRUE(contains(problem, "ptyd is already running")) << problem;
    EXPECT_FALSE(contains(problem, "\x1b")) << problem;
  }
}

TEST(Listener, BindsWithItsModeAndCleansUp) {
  const test::TempDir folder;
  const auto path = folder / "sock";
  {
    const Listener listener(path, 0600);
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    EXPECT_FALSE(listener.passed());
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST(Listener, AcceptsConnections) {
  const test::TempDir folder;
  const auto path = folder / "sock";
  EventLoop loop;
  Listener listener(path, 0666);
  int count = 0;
  listener.start(loop, [&](UniqueFd) { ++count; });
  std::error_code error;
  const auto a = connect_unix(path, error);
  const auto b = connect_unix(path, error);
  EXPECT_TRUE(test::run_until(loop, [&] { return count == 2; }));
}

TEST(Listener, AcceptsNoMoreOnceItWasStoppedBetweenTwoConnections) {
  const test::TempDir folder;
  const auto path = folder / "sock";
  EventLoop loop;
  Listener listener(path, 0666);
  int count = 0;
  listener.start(loop, [&](UniqueFd) {
    ++count;
    listener.stop();
  });
  std::error_code error;
  const auto a = connect_unix(path, error);
  const auto b = connect_unix(path, error);
  EXPECT_TRUE(test::run_until(loop, [&] { return count == 1; }));
  bool later = false;
  loop.post([&] { later = true; });
  EXPECT_TRUE(test::run_until(loop, [&] { return later; }));
  EXPECT_EQ(count, 1);
}

TEST(Listener, DoesNotStealALiveSocket) {
  const test::TempDir folder;
  const auto path = folder / "sock";
  const Listener first(path, 0600);
  EXPECT_TRUE(contains(failure([&] { Listener second(path, 0600); }), "another server listens on"));
  EXPECT_EQ(::access(path.c_str(), F_OK), 0);
}

TEST(Listener, ReplacesAStaleSocketAndNothingElse) {
  const test::TempDir folder;
  const auto path = folder / "sock";
  {
    // Bound and closed without a listener: what a crash leaves.
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_EQ(failure([&] { Listener listener(path, 0600); }), "");
  std::ofstream(path) << "precious";
  EXPECT_TRUE(contains(failure([&] { Listener listener(path, 0600); }), "is no socket"));
  EXPECT_EQ(::access(path.c_str(), F_OK), 0);
}

TEST(Listener, ALongPathIsAClearError) {
  EXPECT_TRUE(contains(failure([] { Listener listener("/tmp/" + std::string(200, 'x'), 0600); }),
                       "too long"));
}

TEST(Folders, AreMadePrivateAndOthersFoldersAreRefused) {
  const test::TempDir folder;
  const auto path = folder / "a/b";
  prepare_folder(path, 0700);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  EXPECT_EQ(failure([&] { prepare_folder(path, 0700); }), "");
  ASSERT_EQ(::chmod(path.c_str(), 0777), 0);
  EXPECT_TRUE(contains(failure([&] { prepare_folder(path, 0700); }), "others may write there"));
  std::ofstream(folder / "file") << "x";
  EXPECT_TRUE(contains(failure([&] { prepare_folder(folder / "file", 0700); }), "cannot use"));
}

}  // namespace
}  // namespace ptyd
