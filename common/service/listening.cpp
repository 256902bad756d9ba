// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/service/listening.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "common/service/log.hpp"
#include "common/unix_socket.hpp"

namespace ptyd {
namespace {

// Connections taken in one turn, so that a flood leaves the loop time for others.
constexpr int kAcceptsPerTurn = 32;
// Out of descriptors or memory: look again after this, since the socket stays readable.
constexpr std::chrono::milliseconds kPause{100};

[[noreturn]] void fail(const std::string& what, int error) {
  throw std::runtime_error(what + ": " + std::generic_category().message(error));
}

void remove_stale(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) < 0) return;
  if (!S_ISSOCK(status.st_mode))
    throw std::runtime_error(path + " is there and is no socket; not touching it");
  std::error_code error;
  const auto probe = connect_unix(path, error);
  // Anything but a refusal means that somebody listens there, or may.
  if (error != std::errc::connection_refused)
    throw std::runtime_error("another server listens on " + path + "; not taking it over");
  ::unlink(path.c_str());
}

}  // namespace

std::vector<UniqueFd> take_passed_sockets() {
  const int count = ::sd_listen_fds(1);  // which makes them close-on-exec
  if (count < 0) fail("cannot use $LISTEN_FDS", -count);
  std::vector<UniqueFd> sockets;
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
      fail("cannot use a passed socket", errno);
    sockets.emplace_back(fd);
  }
  return sockets;
}

UniqueFd listen_on_path(const std::string& path, unsigned mode, int backlog) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw std::runtime_error("the path of the socket is too long (at most " +
                             std::to_string(sizeof address.sun_path - 1) + " bytes): " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  remove_stale(path);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // The mode before the name: there is no moment at which the wrong people may connect (unix(7)).
  if (!fd || ::fchmod(fd.get(), mode) < 0) fail("cannot create a socket", errno);
  const auto old_mask = ::umask(0);
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(old_mask);
  if (bound < 0) fail("cannot listen on " + path, error);
  if (::listen(fd.get(), backlog) < 0) {
    const int refused = errno;
    ::unlink(path.c_str());
    fail("cannot listen on " + path, refused);
  }
  return fd;
}

Acceptor::Acceptor(EventLoop& loop, std::span<const UniqueFd> sockets,
                   std::function<void(UniqueFd)> on_connection)
    : on_connection_(std::move(on_connection)), pause_(loop, [this] {
        for (const auto& watch : watches_) watch->set_events(EPOLLIN);
      }) {
  for (const auto& socket : sockets)
    watches_.push_back(std::make_unique<IoWatch>(
        loop, socket.get(), EPOLLIN, [this, fd = socket.get()](std::uint32_t) { accept(fd); }));
}

void Acceptor::stop() {
  pause_.stop();
  watches_.clear();
}

void Acceptor::accept(int socket) {
  for (int i = 0; i < kAcceptsPerTurn && !watches_.empty(); ++i) {
    UniqueFd connection(::accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection) {
      on_connection_(std::move(connection));
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    log::error("Cannot accept a connection: " + std::generic_category().message(errno));
    for (const auto& watch : watches_) watch->set_events(0);
    pause_.start(kPause);
    return;
  }
}

}  // namespace ptyd
