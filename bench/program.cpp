// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bench/program.hpp"

#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace ptyd::bench {
namespace {

constexpr std::size_t kBlock = 64 * 1024;
constexpr int kColumns = 78;
// Seconds: whoever measures may be killed, and one that floods is not to go on for ever.
constexpr unsigned kLongestRun = 30 * 60;

std::string line_of(const std::string& kind, int number) {
  std::string line;
  for (int cell = 0; cell < kColumns; ++cell) {
    const int at = number * 31 + cell;
    if (kind == "colour" && cell % 3 == 0)
      line +=
          "\x1b[38;5;" + std::to_string(at % 256) + ";48;5;" + std::to_string(at * 7 % 256) + "m";
    static constexpr const char* kCharacters[] = {"ä", "é", "—", "漢", "ß", "Ж", "→", "🙂"};
    if (kind == "utf8") {
      const auto* const character = kCharacters[at % 8];
      line += character;
      if (at % 8 == 3 || at % 8 == 7) ++cell;  // a wide one
    } else {
      line += at % 6 == 5 ? ' ' : static_cast<char>('a' + at % 26);
    }
  }
  return line + (kind == "colour" ? "\x1b[0m\r\n" : "\r\n");
}

std::string block_of(const std::string& kind) {
  std::string block;
  for (int number = 0; block.size() < kBlock; ++number) block += line_of(kind, number);
  return block;
}

// At most `size` bytes: what comes next must not be taken for the rest of an escape sequence.
std::string_view whole_lines(std::string_view block, std::size_t size) {
  if (size >= block.size()) return block;
  const auto last = block.substr(0, size).rfind('\n');
  return block.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

bool write_all(std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

int run_program(const std::string& kind, std::size_t bytes) {
  ::alarm(kLongestRun);
  termios modes{};
  if (::tcgetattr(STDIN_FILENO, &modes) == 0) {
    ::cfmakeraw(&modes);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &modes);
  }
  const auto block = block_of(kind);
  if (bytes == 0)
    while (write_all(block)) continue;
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) == 1 && byte != kQuit) {
    bool well = true;
    if (byte == kAsk) {
      well = write_all(kReady);
    } else if (byte == kLast) {
      return write_all(kEnd) ? 0 : 1;
    } else if (byte == kFlood) {
      for (std::size_t done = 0; well && done < bytes; done += block.size())
        well = write_all(whole_lines(block, bytes - done));
      well = well && write_all(std::string("\r\n") + kEnd);
    } else {
      well = write_all(std::string_view(&byte, 1));
    }
    if (!well) return 1;
  }
  return 0;
}

}  // namespace ptyd::bench
