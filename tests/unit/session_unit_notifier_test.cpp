// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/unit_notifier.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "tests/support/run_loop.hpp"
#include "tests/support/temp_dir.hpp"

namespace ptyd {
namespace {

using test::run_until;

// The service manager's end, with an abstract name where the path begins with '@'.
class Manager {
 public:
  explicit Manager(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path);
    if (path.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  }
  // The next message, or empty.
  [[nodiscard]] std::string next() const {
    std::array<char, 4096> buffer{};
    const auto n = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n <= 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(n));
  }

 private:
  UniqueFd socket_;
};

TEST(UnitNotifier, TellsByPathAndByAbstractName) {
  const test::TempDir folder;
  EventLoop loop;
  for (const auto& path : {folder / "notify", "@" + (folder / "abstract")}) {
    const Manager manager(path);
    UnitNotifier unit(loop, {path, {}, {}});
    unit.ready();
    unit.status("Running");
    unit.status("Running");
    unit.stopping();
    unit.stopping();
    unit.status("Ending");
    EXPECT_EQ(manager.next(), "READY=1");
    EXPECT_EQ(manager.next(), "STATUS=Running");
    EXPECT_EQ(manager.next(), "STOPPING=1");
    EXPECT_EQ(manager.next(), "STATUS=Ending");
    EXPECT_EQ(manager.next(), "");
  }
}

TEST(UnitNotifier, FeedsTheWatchdogThatIsMeantForIt) {
  const test::TempDir folder;
  EventLoop loop;
  const auto path = folder / "notify";
  const Manager manager(path);
  const auto fed = [&] { return manager.next() == "WATCHDOG=1"; };
  {
    UnitNotifier unit(loop, {path, "2000", std::to_string(::getpid())});
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(run_until(loop, fed));
  }
  while (fed()) {
  }
  for (const char* usec : {"", "0", "-5", "1s", "99999999999999999999"}) {
    UnitNotifier unit(loop, {path, usec, {}});
    EXPECT_FALSE(fed()) << usec;
  }
  UnitNotifier unit(loop, {path, "2000", "1"});
  EXPECT_FALSE(fed());
}

// No manager, one that is gone, one that does not read, and names that are none: nothing waits or
// fails.
TEST(UnitNotifier, NeverWaitsForAnybody) {
  const test::TempDir folder;
  EventLoop loop;
  for (const auto& path :
       {std::string(), std::string("@"), std::string("/"), std::string("x"),
        std::string("vsock:2:1"), folder / "nobody", "/" + std::string(500, 'x')}) {
    UnitNotifier unit(loop, {path, {}, {}});
    unit.ready();
    unit.stopping();
  }
  const auto path = folder / "deaf";
  const Manager manager(path);
  UnitNotifier unit(loop, {path, {}, {}});
  for (int i = 0; i < 5000; ++i) unit.status(std::to_string(i));
  EXPECT_EQ(manager.next(), "STATUS=0");
}

}  // namespace
}  // namespace ptyd
