// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/listener.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "common/message.hpp"
#include "common/protocol.hpp"
#include "common/service/log.hpp"
#include "common/unix_socket.hpp"

namespace ptyd {
namespace {

// A thousand hosts may come at once after a restart; the kernel caps it at net.core.somaxconn.
constexpr int kBacklog = 4096;
// Connections taken in one turn, so that a flood leaves the loop time for others.
constexpr int kAcceptsPerTurn = 32;
// Out of descriptors or memory: look again after this, since the socket stays readable.
constexpr std::chrono::milliseconds kPause{100};

[[noreturn]] void fail(const std::string& what, int error) {
  throw std::runtime_error(what + ": " + std::generic_category().message(error));
}

std::string bound_path(int fd) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) < 0) return {};
  if (size <= offsetof(sockaddr_un, sun_path) || address.sun_path[0] == '\0') return {};
  return address.sun_path;
}

constexpr char kCannotStart[] = "ptyd cannot start; its log says why";

// So long, that systemd does not start one daemon after the other for those who come again.
constexpr std::chrono::milliseconds kTurnAwayTime{1000};

// Blocks: nothing else is left to do for this process.
void turn_away_from(int listener, const char* reason) {
  const auto payload = encode(ProtocolError{to_string(ErrorCode::kShuttingDown), reason});
  const auto frame = encode_frame(ProtocolError::kType, payload);
  const auto end = Clock::now() + kTurnAwayTime;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    pollfd ready{listener, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) <= 0) return;
    const UniqueFd peer(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!peer) continue;
    [[maybe_unused]] const auto n = ::send(peer.get(), frame.data(), frame.size(), MSG_NOSIGNAL);
  }
}

}  // namespace

Listener::Listener(const std::string& path, unsigned mode) : path_(path) {
  // Unsets the variables: our children are not to think that they are meant.
  const int count = ::sd_listen_fds(1);
  if (count < 0) fail("cannot use $LISTEN_FDS", -count);
  if (count > 1)
    throw std::runtime_error("the service manager passed " + std::to_string(count) +
                             " sockets, expected one listening Unix stream socket");
  if (count == 1)
    adopt(SD_LISTEN_FDS_START);
  else
    bind_own(mode);
}

Listener::~Listener() {
  if (!passed_ && fd_) ::unlink(path_.c_str());
  if (passed_ && !on_connection_) turn_away_from(fd_.get(), kCannotStart);
}

void Listener::adopt(int fd) {
  if (::sd_is_socket_unix(fd, SOCK_STREAM, 1, nullptr, 0) <= 0)
    throw std::runtime_error(
        "the descriptor passed by $LISTEN_FDS is no listening Unix stream socket");
  fd_ = UniqueFd(fd);  // sd_listen_fds(3) has made it close-on-exec
  passed_ = true;
  if (::sd_is_socket_unix(fd, SOCK_STREAM, 1, path_.c_str(), 0) <= 0) path_ = bound_path(fd);
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
    fail("cannot use the passed socket", errno);
}

void Listener::bind_own(unsigned mode) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path)
    throw std::runtime_error("the path of the socket is too long (at most " +
                             std::to_string(sizeof address.sun_path - 1) + " bytes): " + path_);
  std::memcpy(address.sun_path, path_.data(), path_.size());
  struct stat status {};
  if (::lstat(path_.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode))
      throw std::runtime_error(path_ + " is there and is no socket; not touching it");
    std::error_code error;
    const auto probe = connect_unix(path_, error);
    // Anything but a refusal means that somebody listens there, or may.
    if (error != std::errc::connection_refused)
      throw std::runtime_error("another server listens on " + path_ + "; not taking it over");
    ::unlink(path_.c_str());
  }
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // The mode before the name: there is no moment at which the wrong people may connect (unix(7)).
  if (!fd || ::fchmod(fd.get(), mode) < 0) fail("cannot create a socket", errno);
  const auto old_mask = ::umask(0);
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(old_mask);
  if (bound < 0) fail("cannot listen on " + path_, error);
  fd_ = std::move(fd);
  if (::listen(fd_.get(), kBacklog) < 0) fail("cannot listen on " + path_, errno);
}

void Listener::start(EventLoop& loop, std::function<void(UniqueFd)> on_connection) {
  on_connection_ = std::move(on_connection);
  pause_ = std::make_unique<Timer>(loop, [this] { watch_->set_events(EPOLLIN); });
  watch_ = std::make_unique<IoWatch>(loop, fd_.get(), EPOLLIN, [this](auto) { on_readable(); });
}

void Listener::stop() {
  pause_.reset();
  watch_.reset();
}

void Listener::turn_away() {
  if (::sd_listen_fds(1) != 1 ||
      ::sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, nullptr, 0) <= 0)
    return;
  const UniqueFd listener(SD_LISTEN_FDS_START);
  ::fcntl(listener.get(), F_SETFL, O_NONBLOCK);
  turn_away_from(listener.get(), kCannotStart);
}

void Listener::on_readable() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    UniqueFd connection(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection) {
      on_connection_(std::move(connection));
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    log::error("Cannot accept a connection: " + std::generic_category().message(errno));
    watch_->set_events(0);
    pause_->start(kPause);
    return;
  }
}

}  // namespace ptyd
