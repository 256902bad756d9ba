// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/listener.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstddef>
#include <span>
#include <stdexcept>
#include <utility>

#include "common/message.hpp"
#include "common/protocol.hpp"

namespace ptyd {
namespace {

// A thousand hosts may come at once after a restart; the kernel caps it at net.core.somaxconn.
constexpr int kBacklog = 4096;

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
  auto sockets = take_passed_sockets();
  if (sockets.size() > 1)
    throw std::runtime_error("the service manager passed " + std::to_string(sockets.size()) +
                             " sockets, expected one listening Unix stream socket");
  if (sockets.empty())
    fd_ = listen_on_path(path, mode, kBacklog);
  else
    adopt(std::move(sockets.front()));
}

Listener::~Listener() {
  if (!passed_ && fd_) ::unlink(path_.c_str());
  if (passed_ && !acceptor_) turn_away_from(fd_.get(), kCannotStart);
}

void Listener::adopt(UniqueFd fd) {
  if (::sd_is_socket_unix(fd.get(), SOCK_STREAM, 1, nullptr, 0) <= 0)
    throw std::runtime_error(
        "the descriptor passed by $LISTEN_FDS is no listening Unix stream socket");
  fd_ = std::move(fd);
  passed_ = true;
  if (::sd_is_socket_unix(fd_.get(), SOCK_STREAM, 1, path_.c_str(), 0) <= 0)
    path_ = bound_path(fd_.get());
}

void Listener::start(EventLoop& loop, std::function<void(UniqueFd)> on_connection) {
  acceptor_ = std::make_unique<Acceptor>(loop, std::span(&fd_, 1), std::move(on_connection));
}

void Listener::stop() {
  if (acceptor_) acceptor_->stop();
}

void Listener::turn_away() {
  if (::sd_listen_fds(1) != 1 ||
      ::sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, nullptr, 0) <= 0)
    return;
  const UniqueFd listener(SD_LISTEN_FDS_START);
  ::fcntl(listener.get(), F_SETFL, O_NONBLOCK);
  turn_away_from(listener.get(), kCannotStart);
}

}  // namespace ptyd
