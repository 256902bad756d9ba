// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/listener.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "common/text.hpp"

namespace ptyd::web {
namespace {

constexpr int kBacklog = 512;

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
  sockets_ = take_passed_sockets();
  const auto colon = address.rfind(':');
  if (!sockets_.empty())
    check_passed();
  else if (address.starts_with('/'))
    listen_on(address);
  else if (colon != std::string::npos)
    bind_port(address.substr(0, colon), address.substr(colon + 1));
  else
    throw std::runtime_error("'" + printable(address) +
                             "' is no address: expected one such as 127.0.0.1:7681, or a path");
}

Listener::~Listener() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

void Listener::check_passed() {
  for (const auto& socket : sockets_)
    if (::sd_is_socket(socket.get(), AF_UNSPEC, SOCK_STREAM, 1) <= 0)
      throw std::runtime_error("a descriptor passed by $LISTEN_FDS is no listening stream socket");
  name_ = plural(sockets_.size(), "socket") + " of the service manager";
}

void Listener::listen_on(const std::string& path) {
  // Who may connect still needs a ticket, but need not be asked.
  sockets_.push_back(listen_on_path(path, 0600, kBacklog));
  path_ = name_ = path;
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
  acceptor_ = std::make_unique<Acceptor>(loop, sockets_, std::move(on_connection));
}

void Listener::stop() {
  if (acceptor_) acceptor_->stop();
}

}  // namespace ptyd::web
