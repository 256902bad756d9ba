// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>

#include "common/environment.hpp"
#include "common/text.hpp"
#include "common/unique_fd.hpp"
#include "common/wire.hpp"
#include "ctl/exit_status.hpp"

namespace ptyd {
namespace {

constexpr std::size_t kFallbackWidth = 80;

// 0 or errno. Another process may have made the descriptor non-blocking, so wait when it says so.
int write_all(int fd, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd waiting{fd, POLLOUT, 0};
      ::poll(&waiting, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

int write_status(int error) {
  if (error == 0 || error == EPIPE) return kSucceeded;
  print_error(std::string("cannot write the output: ") + std::generic_category().message(error));
  return kFailed;
}

winsize output_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0) return {};
  return size;
}

// The shell command of the pager, or nothing when the user wants none.
std::string pager_command() {
  for (const char* variable : {"SYSTEMD_PAGER", "PAGER"}) {
    const auto value = environment_variable(variable);
    if (value) return *value == "cat" ? std::string() : *value;
  }
  return "less -FRX";
}

// False when it could not be started, so that nothing has been shown.
bool show_in_pager(const std::string& command, std::string_view text) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) return false;
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, reader.get(), STDIN_FILENO);
  ::posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  std::string shell = "sh", option = "-c", script = command;
  const std::array<char*, 4> argv{shell.data(), option.data(), script.data(), nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, "/bin/sh", &actions, &attributes, argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return false;
  reader.reset();
  // Keys such as ^C are the pager's as long as it runs.
  ::signal(SIGINT, SIG_IGN);
  (void)write_all(writer.get(), as_bytes(text));  // EPIPE: the user has left the pager early
  writer.reset();
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  ::signal(SIGINT, SIG_DFL);
  constexpr int kNotFound = 127;
  return !WIFEXITED(status) || WEXITSTATUS(status) != kNotFound;
}

// As systemd's own programs do (systemctl(1), $SYSTEMD_COLORS): that variable goes first.
bool wants_colour() {
  const auto set = environment_variable("SYSTEMD_COLORS").value_or("");
  for (const char* yes : {"1", "yes", "y", "true", "t", "on", "16", "256", "24bit"})
    if (set == yes) return true;
  for (const char* no : {"0", "no", "n", "false", "f", "off"})
    if (set == no) return false;
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  if (set.starts_with("auto-")) return terminal;
  return terminal && environment_variable("NO_COLOR").value_or("").empty();
}

// POSIX: the first of these that is set decides (locale(7)).
bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const auto value = environment_variable(name).value_or("");
    if (value.empty()) continue;
    return value.ends_with(".UTF-8") || value.ends_with(".utf8");
  }
  return false;
}

}  // namespace

void print_error(std::string_view message) { print_error_hint("ptyctl: " + std::string(message)); }

void print_error_hint(std::string_view line) {
  (void)write_all(STDERR_FILENO, as_bytes(printable(line) + "\n"));
}

int print(std::span<const std::uint8_t> bytes) {
  return write_status(write_all(STDOUT_FILENO, bytes));
}

int print(std::string_view text) { return print(as_bytes(text)); }

int print_json(const Json& json, JsonMode mode) {
  if (mode == JsonMode::kPretty)
    return print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  return print(to_text(json) + "\n");
}

int print_paged(std::string_view text, bool no_pager) {
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  if (!no_pager && ::isatty(STDOUT_FILENO) == 1 && lines >= output_size().ws_row) {
    const auto command = pager_command();
    if (!command.empty() && show_in_pager(command, text)) return kSucceeded;
  }
  return print(text);
}

bool reader_left() {
  pollfd output{STDOUT_FILENO, 0, 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

std::size_t output_width() {
  if (::isatty(STDOUT_FILENO) != 1) return 0;
  if (const auto text = environment_variable("COLUMNS")) {
    const char* const text_end = text->data() + text->size();
    std::size_t width = 0;
    const auto [end, error] = std::from_chars(text->data(), text_end, width);
    if (error == std::errc{} && end == text_end && width > 0) return width;
  }
  const auto size = output_size();
  return size.ws_col > 0 ? size.ws_col : kFallbackWidth;
}

std::string styled(std::string_view text, Style style) {
  static const bool colour = wants_colour();
  std::string plain(text);
  if (!colour) return plain;
  switch (style) {
    case Style::kPlain: return plain;
    case Style::kGood: return "\x1b[32m" + plain + "\x1b[0m";
    case Style::kDim: return "\x1b[2m" + plain + "\x1b[0m";
    case Style::kBad: return "\x1b[31m" + plain + "\x1b[0m";
  }
  return plain;
}

std::string bullet(Style style) {
  static const bool round = ::isatty(STDOUT_FILENO) == 1 && locale_is_utf8();
  return styled(round ? "●" : "*", style);
}

}  // namespace ptyd
