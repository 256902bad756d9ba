// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/listener.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "common/service/log.hpp"
#include "common/text.hpp"
#include "common/unix_socket.hpp"

namespace ptyd::web {
namespace {

constexpr int kBacklog = 512;
// Connections taken in one turn, so that a flood leaves the loop time for others.
constexpr int kAcceptsPerTurn = 32;
// Out of descriptors or memory: look again after this, since the socket stays readable.
constexpr std::chrono::milliseconds kPause{100};

[[noreturn]] void fail(const std::string& what, int error) {
  throw std::runtime_error(what + ": " + std::generic_category().message(error));
}

std::uint16_t parse_port(const std::string& text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size())
    throw std::runtime_error("'" + printable(text) + "' is no port");
  return port;
}

void bind_and_listen(int fd, const void* address, socklen_t size, const std::string& name) {
  if (::bind(fd, static_cast<const sockaddr*>(address), size) < 0 || ::listen(fd, kBacklog) < 0)
    fail("cannot listen on " + name, errno);
}

}  // namespace

Listener::Listener(const std::string& address) {
  const int count = ::sd_listen_fds(1);
  if (count < 0) fail("cannot use $LISTEN_FDS", -count);
  const auto colon = address.rfind(':');
  if (count > 0)
    adopt(count);
  else if (address.starts_with('/'))
    bind_path(address);
  else if (colon != std::string::npos)
    bind_port(address.substr(0, colon), address.substr(colon + 1));
  else
    throw std::runtime_error("'" + printable(address) +
                             "' is no address: expected one such as 127.0.0.1:7681, or a path");
}

Listener::~Listener() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

void Listener::adopt(int count) {
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd) {
    if (::sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
      throw std::runtime_error("a descriptor passed by $LISTEN_FDS is no listening stream socket");
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
      fail("cannot use a passed socket", errno);
    sockets_.emplace_back(fd);  // sd_listen_fds(3) has made it close-on-exec
  }
  name_ = plural(sockets_.size(), "socket") + " of the service manager";
}

void Listener::bind_path(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw std::runtime_error("the path of the socket is too long: " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    std::error_code error;
    if (S_ISSOCK(status.st_mode)) [[maybe_unused]]
      const auto probe = connect_unix(path, error);
    if (error != std::errc::connection_refused)
      throw std::runtime_error(path + " is in use; not taking it over");
    ::unlink(path.c_str());
  }
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // The mode before the name: whoever may connect still needs a ticket, but need not be asked.
  if (!fd || ::fchmod(fd.get(), 0600) < 0) fail("cannot create a socket", errno);
  bind_and_listen(fd.get(), &address, sizeof address, path);
  path_ = name_ = path;
  sockets_.push_back(std::move(fd));
}

void Listener::bind_port(const std::string& host, const std::string& port) {
  sockaddr_in four{};
  sockaddr_in6 six{};
  const bool is_six = host == "[::1]";
  four.sin_family = AF_INET;
  four.sin_port = htons(parse_port(port));
  six.sin6_family = AF_INET6;
  six.sin6_port = four.sin_port;
  six.sin6_addr = in6addr_loopback;
  const bool is_four = ::inet_pton(AF_INET, host.c_str(), &four.sin_addr) == 1 &&
                       ntohl(four.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  if (!is_six && !is_four)
    throw std::runtime_error("'" + printable(host) +
                             "' is no loopback address: listen on 127.0.0.1 or [::1], with a "
                             "proxy that speaks TLS in front");
  UniqueFd fd(::socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
    fail("cannot create a socket", errno);
  if (is_six)
    bind_and_listen(fd.get(), &six, sizeof six, host + ":" + port);
  else
    bind_and_listen(fd.get(), &four, sizeof four, host + ":" + port);
  sockaddr_in6 bound{};  // the port is at the same place in both kinds
  socklen_t size = sizeof bound;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  url_ = name_ = "http://" + host + ":" + std::to_string(ntohs(bound.sin6_port));
  sockets_.push_back(std::move(fd));
}

void Listener::start(EventLoop& loop, std::function<void(UniqueFd)> on_connection) {
  on_connection_ = std::move(on_connection);
  pause_ = std::make_unique<Timer>(loop, [this] {
    for (const auto& watch : watches_) watch->set_events(EPOLLIN);
  });
  for (const auto& socket : sockets_)
    watches_.push_back(std::make_unique<IoWatch>(
        loop, socket.get(), EPOLLIN, [this, fd = socket.get()](std::uint32_t) { accept(fd); }));
}

void Listener::stop() {
  pause_.reset();
  watches_.clear();
}

void Listener::accept(int fd) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    UniqueFd connection(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection) {
      on_connection_(std::move(connection));
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    log::error("Cannot accept a connection: " + std::generic_category().message(errno));
    for (const auto& watch : watches_) watch->set_events(0);
    pause_->start(kPause);
    return;
  }
}

}  // namespace ptyd::web
