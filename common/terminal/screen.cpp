// SPDX-License-Identifier: LGPL-2.1-or-later
// What is done with output. Where terminals differ, it is xterm's way (ctlseqs, patch 390), in the
// files screen_*.cpp too.
#include "common/terminal/screen.hpp"

#include <algorithm>
#include <cstring>

namespace ptyd {
namespace {

using Event = ControlParser::Event;

constexpr int kTabWidth = 8;

constexpr std::uint8_t kReset[] = {0x1b, '[', '0', 'm'};
constexpr std::uint8_t kShortReset[] = {0x1b, '[', 'm'};

// Where the last SGR sequence begins that is a reset, if it is near the end; else 0. An escape
// character begins a sequence wherever it stands.
std::size_t find_last_reset(std::span<const std::uint8_t> output) {
  constexpr std::size_t kNear = 8 * 1024;
  const auto near = output.last(std::min(output.size(), kNear));
  const auto find = [&near](const auto& reset) {
    return std::find_end(near.begin(), near.end(), std::begin(reset), std::end(reset));
  };
  const auto found = find(kReset);
  const auto found_short = find(kShortReset);
  auto last = found == near.end() ? near.begin() : found;
  if (found_short != near.end()) last = std::max(last, found_short);
  if (last == near.begin()) return 0;
  return output.size() - near.size() + static_cast<std::size_t>(last - near.begin());
}

bool contains(std::span<const std::uint8_t> output, std::uint8_t byte) {
  return !output.empty() && std::memchr(output.data(), byte, output.size()) != nullptr;
}

}  // namespace

Screen::Screen(TerminalSize size)
    : main_(size), bottom_(size.rows), tabs_(default_tabs(size.columns)) {}

std::vector<bool> Screen::default_tabs(int columns) const {
  std::vector<bool> tabs(static_cast<std::size_t>(columns));
  for (std::size_t i = kTabWidth; i < tabs.size(); i += kTabWidth) tabs[i] = true;
  return tabs;
}

void Screen::feed(std::span<const std::uint8_t> output) {
  const auto* at = output.data();
  const auto* const end = at + output.size();
  while (at != end) {
    if (parser_.in_text()) at = skipping_ ? skip_text(at, end) : feed_text(at, end);
    while (at != end) {
      at = parser_.take_parameters(at, end);
      if (at == end) break;
      const auto byte = *at++;
      const auto event = parser_.step(byte);
      if (event != Event::kNone)
        on_event(event, byte, fed_ + static_cast<std::uint64_t>(at - output.data()));
      if (parser_.in_text()) break;
    }
  }
  fed_ += output.size();
}

void Screen::skip(std::span<const std::uint8_t> output) {
  skipping_ = true;
  shifts_ = contains(output, kShiftOut) || contains(output, kShiftIn);
  // Attributes from before the last reset are of no account.
  const auto last_reset = find_last_reset(output);
  styles_count_ = false;
  feed(output.first(last_reset));
  styles_count_ = true;
  feed(output.subspan(last_reset));
  skipping_ = false;
  utf8_.reset();
  last_ = 0;
  // What scrolls is at the bottom; what does not says where it draws.
  cursor_ = {bottom_ - 1, 0, false};
}

void Screen::soft_reset() {
  style_ = {};
  charsets_ = {};
  saved() = {};
  origin_ = insert_ = false;
  top_ = 0;
  bottom_ = rows();
}

void Screen::hard_reset() {
  const auto size = this->size();
  soft_reset();
  main_ = Grid(size);
  alternate_.reset();
  saved_ = {};
  cursor_ = {};
  new_line_ = reverse_screen_ = false;
  tabs_ = default_tabs(size.columns);
  titles_.clear();
  title_.clear();
  clusters_.clear();
}

void Screen::resize(TerminalSize size) {
  if (size == this->size()) return;
  const int rows_before = rows();
  // The line of the cursor stays: lines leave at the top.
  const int too_many = cursor_.row - size.rows + 1;
  if (too_many > 0) {
    top_ = 0;
    bottom_ = rows_before;
    scroll_up(too_many);
    cursor_.row -= too_many;
  }
  const auto had = tabs_.size();
  tabs_.resize(size.columns);
  for (auto i = had; i < tabs_.size(); ++i) tabs_[i] = i % kTabWidth == 0;
  main_.resize(size);
  if (alternate_) alternate_->resize(size);
  top_ = 0;
  bottom_ = rows();
  const auto fit = [&](Cursor& cursor) {
    cursor.row = std::min(cursor.row, rows() - 1);
    cursor.full = cursor.full && cursor.column == columns() - 1;
    cursor.column = std::min(cursor.column, columns() - 1);
  };
  fit(cursor_);
  for (auto& each : saved_) fit(each.cursor);
  last_ = 0;
}

}  // namespace ptyd
