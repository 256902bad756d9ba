// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/attach_screen.hpp"

#include <unistd.h>

#include <utility>

#include "ctl/output.hpp"
#include "ctl/table.hpp"
#include "ctl/terminal.hpp"

namespace ptyd {
namespace {

// A stopped terminal (^S) takes nothing: then it is left as it is after this time.
constexpr auto kGiveBackLimit = std::chrono::milliseconds(500);

}  // namespace

AttachScreen::AttachScreen(EventLoop& loop, Callbacks callbacks)
    : terminal_(::isatty(STDOUT_FILENO) == 1),
      on_progress_(std::move(callbacks.on_written)),
      stream_(loop, STDOUT_FILENO,
              {[this](std::span<const std::uint8_t> bytes) { on_written(bytes); },
               std::move(callbacks.on_failed)}) {
  update_size();
}

void AttachScreen::write(std::span<const std::uint8_t> output) {
  // Up to the first place where a waiting notice fits.
  std::size_t size = 0;
  while (size < output.size() && (notice_.empty() || !sent_text_.between_characters()))
    sent_text_.swallow(output[size++]);
  const auto first = output.first(size);
  sent_modes_.feed(first);
  stream_.write(first);
  if (!notice_.empty() && sent_text_.between_characters()) show_notice();
  if (size < output.size()) write(output.subspan(size));
}

void AttachScreen::notify(const std::string& line, Urgency urgency) {
  if (!terminal_) return print_error_hint(line);
  notice_ = line;
  notice_urgency_ = urgency;
  if (sent_text_.between_characters()) show_notice();
}

void AttachScreen::update_size() {
  const auto size = terminal_size(STDOUT_FILENO);
  rows_ = size ? size->rows : kDefaultRows;
  columns_ = size ? size->columns : kDefaultColumns;
}

void AttachScreen::show_notice() {
  const auto line = std::exchange(notice_, {});
  const auto bytes = notice(line, notice_urgency_);
  put(sent_modes_.alternate_screen() ? bytes.over_full_screen : bytes.beside_text);
}

Show AttachScreen::notice(const std::string& line, Urgency urgency) const {
  Show bytes{"\r\n" + line + "\r\n", ""};
  if (urgency == Urgency::kUnlessFullScreen) return bytes;
  // Not in the last column, where some terminals would scroll. The cursor is saved and brought back
  // with its attributes; origin mode, which would move the line, is part of that.
  const auto shown = ellipsized(line, columns_ > 1 ? columns_ - 1U : 1U);
  bytes.over_full_screen =
      "\x1b"
      "7\x1b[?6l\x1b[" +
      std::to_string(rows_) + ";1H\x1b[0;7m" + shown +
      "\x1b[0m\x1b"
      "8";
  return bytes;
}

void AttachScreen::take_back(const TerminalBack& back) {
  undo_ = back.undo;
  at_line_start_ = back.at_line_start != 0;
}

void AttachScreen::take_back_from_the_dead() { take_back({0, ModeState::undo_all(), 0}); }

void AttachScreen::put(std::string_view bytes) { stream_.write(as_bytes(bytes)); }

void AttachScreen::on_written(std::span<const std::uint8_t> bytes) {
  written_modes_.feed(bytes);
  for (const auto byte : bytes) written_text_.swallow(byte);
  at_line_start_ = bytes.back() == '\n';
  on_progress_();
}

void AttachScreen::give_back(bool drop_pending) {
  if (!terminal_) return;
  if (undo_) return stream_.write_last(as_bytes(*undo_), kGiveBackLimit);
  std::string bytes;
  // CAN ends a sequence that was cut; anywhere else a terminal ignores it.
  if (drop_pending && !written_text_.between_characters()) bytes = "\x18";
  if (written_modes_.alternate_screen()) at_line_start_ = false;
  bytes += written_modes_.undo();
  stream_.write_last(as_bytes(bytes), kGiveBackLimit);
}

void AttachScreen::print_last_line(const std::string& line) {
  const bool in_line = terminal_ && !at_line_start_ && ::isatty(STDERR_FILENO) == 1;
  // Standard error may be the same stopped terminal: wait no longer for it than for that.
  EventLoop loop;
  OutputStream error(loop, STDERR_FILENO, {[](auto) {}, [] {}});
  error.write_last(as_bytes((in_line ? "\n" : "") + line + "\n"), kGiveBackLimit);
}

}  // namespace ptyd
