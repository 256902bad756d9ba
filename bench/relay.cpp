// SPDX-License-Identifier: LGPL-2.1-or-later
// The least that a manager of sessions can do: a loop on poll(2) between a terminal and a socket,
// for one client, and a client that copies between the socket and its own terminal.
//   relay serve SOCKET COMMAND…    in the background
//   relay attach SOCKET
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace {

std::array<char, 64 * 1024> buffer;

bool write_all(int fd, const char* data, ssize_t size) {
  while (size > 0) {
    const auto written = ::write(fd, data, static_cast<std::size_t>(size));
    if (written <= 0) return false;
    data += written;
    size -= written;
  }
  return true;
}

// False when the one side is at its end, or the other takes no more.
bool copy(int from, int to) {
  const auto size = ::read(from, buffer.data(), buffer.size());
  return size > 0 && write_all(to, buffer.data(), size);
}

// Both ways, until one of them ends.
void relay(int a, int b_in, int b_out) {
  std::array<pollfd, 2> fds{pollfd{a, POLLIN, 0}, pollfd{b_in, POLLIN, 0}};
  while (::poll(fds.data(), fds.size(), -1) > 0) {
    if (fds[0].revents != 0 && !copy(a, b_out)) return;
    if (fds[1].revents != 0 && !copy(b_in, a)) return;
  }
}

sockaddr_un address_of(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  return address;
}

int serve(const char* path, char** command) {
  const auto address = address_of(path);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
      ::listen(listener, 8) < 0 || ::daemon(1, 0) < 0)
    return 1;
  winsize size{24, 80, 0, 0};
  int terminal = -1;
  const auto child = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (child == 0) {
    ::execvp(command[0], command);
    ::_exit(127);
  }
  if (child < 0) return 1;
  ::fcntl(terminal, F_SETFD, FD_CLOEXEC);
  for (;;) {
    std::array<pollfd, 2> fds{pollfd{listener, POLLIN, 0}, pollfd{terminal, POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), -1) < 0) return 1;
    if (fds[1].revents != 0 && ::read(terminal, buffer.data(), buffer.size()) <= 0) return 0;
    if (fds[0].revents == 0) continue;
    const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    relay(terminal, client, client);
    ::close(client);
  }
}

int attach(const char* path) {
  const auto address = address_of(path);
  const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) return 1;
  termios modes{};
  ::tcgetattr(STDIN_FILENO, &modes);
  ::cfmakeraw(&modes);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &modes);
  relay(server, STDIN_FILENO, STDOUT_FILENO);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  const std::string_view verb = argc > 2 ? argv[1] : "";
  if (verb == "serve" && argc > 3) return serve(argv[2], argv + 3);
  if (verb == "attach") return attach(argv[2]);
  std::fprintf(stderr, "usage: relay serve SOCKET COMMAND…, relay attach SOCKET\n");
  return 2;
}
