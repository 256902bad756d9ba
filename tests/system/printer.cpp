// SPDX-License-Identifier: LGPL-2.1-or-later
// A program for sessions that prints numbered lines as fast as the terminal takes them. It answers
// the line "say WORD" with the line "said WORD", and "stop N" with "end COUNT BYTES", where COUNT
// is the last number and BYTES all that it has printed with this line, and exits with status N.
// Begins with "go". It prints whole lines only, and exactly what reaches the other side of the
// terminal.
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

constexpr int kLinesPerWrite = 200;
std::uint64_t printed = 0;

void print(const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const auto n = ::write(STDOUT_FILENO, text.data() + done, text.size() - done);
    if (n <= 0) std::_Exit(99);
    done += static_cast<std::size_t>(n);
  }
  printed += text.size();
}

void make_terminal_exact() {
  termios modes{};
  if (::tcgetattr(STDIN_FILENO, &modes) != 0) std::_Exit(98);
  modes.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  modes.c_oflag &= ~static_cast<tcflag_t>(OPOST);
  if (::tcsetattr(STDIN_FILENO, TCSANOW, &modes) != 0) std::_Exit(98);
}

// Waits for a line only if `wait`; empty if there is none.
std::string read_line(bool wait) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (::poll(&input, 1, wait ? -1 : 0) <= 0) return {};
  char buffer[4096];
  const auto n = ::read(STDIN_FILENO, buffer, sizeof buffer);
  if (n <= 0) std::_Exit(97);
  return {buffer, static_cast<std::size_t>(n)};
}

}  // namespace

int main() {
  make_terminal_exact();
  print("ready\n");
  while (read_line(true) != "go\n") {
  }
  std::uint64_t number = 0;
  while (true) {
    std::string lines;
    for (int i = 0; i < kLinesPerWrite; ++i) lines += std::to_string(++number) + "\n";
    print(lines);
    const auto line = read_line(false);
    if (line.starts_with("say ")) print("said " + line.substr(4));
    if (!line.starts_with("stop ")) continue;
    const auto count = "end " + std::to_string(number) + " ";
    // The line's own length counts, with that of the number it ends with.
    auto total = printed + count.size() + 2;
    while (printed + count.size() + std::to_string(total).size() + 1 != total) ++total;
    print(count + std::to_string(total) + "\n");
    return std::atoi(line.c_str() + 5);
  }
}
