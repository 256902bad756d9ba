// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77  // Linux 6.5, newer than Debian 12's headers
#endif

namespace ptyd {
namespace {

std::error_code errno_code() { return {errno, std::generic_category()}; }

}  // namespace

std::error_code peer_credentials(int socket, PeerCredentials& out) {
  ucred cred{};
  socklen_t size = sizeof cred;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0) return errno_code();
  out = {cred.pid, cred.uid, cred.gid};
  return {};
}

UniqueFd peer_pidfd(int socket, const PeerCredentials& peer) {
  int fd = -1;
  socklen_t size = sizeof fd;
  // A pidfd made by the kernel is close-on-exec from birth (pidfd_open(2)).
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &fd, &size) == 0) return UniqueFd(fd);
  if (peer.pid <= 0) return {};
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0)));
  // The pid may be another process's by now; at least not another user's.
  struct stat status {};
  if (::stat(("/proc/" + std::to_string(peer.pid)).c_str(), &status) < 0 ||
      status.st_uid != peer.uid)
    return {};
  return pidfd;
}

UniqueFd connect_unix(const std::string& path, std::error_code& error) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    error = std::make_error_code(std::errc::filename_too_long);
    return {};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    error = errno_code();
    return {};
  }
  error.clear();
  return fd;
}

std::pair<UniqueFd, UniqueFd> unix_socket_pair(std::error_code& error) {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()) < 0) {
    error = errno_code();
    return {};
  }
  error.clear();
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Received receive(int socket, std::span<std::uint8_t> into, std::vector<UniqueFd>& fds) {
  iovec iov{into.data(), into.size()};
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(kMaxFdsPerMessage * sizeof(int))> control;
  msghdr message{};
  message.msg_iov = &iov;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  Received result;
  do {
    result.size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (result.size < 0 && errno == EINTR);
  if (result.size < 0) {
    result.error = errno_code();
    return result;
  }
  for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
  result.too_many_fds = (message.msg_flags & MSG_CTRUNC) != 0;
  return result;
}

ssize_t send_with_fd(int socket, std::span<const std::uint8_t> bytes, int fd) {
  iovec iov{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &iov;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    auto* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(part), &fd, sizeof fd);
  }
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

}  // namespace ptyd
