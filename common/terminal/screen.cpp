// SPDX-License-Identifier: LGPL-2.1-or-later
// What output does. Where terminals differ, it is xterm's way (ctlseqs, patch 390).
#include "common/terminal/screen.hpp"

#include <algorithm>
#include <cstring>

#include "common/wire.hpp"

namespace ptyd {
namespace {

using Event = ControlParser::Event;

constexpr int kTabWidth = 8;
constexpr std::size_t kMaxTitle = 256;  // bytes
constexpr std::size_t kMaxTitles = 10;  // as xterm
constexpr std::size_t kMaxCluster = 8;  // characters in one place; further ones are dropped
constexpr std::size_t kMinClusterLimit = 256;

constexpr std::uint8_t kBackspace = 0x08;
constexpr std::uint8_t kShiftOut = 0x0e;
constexpr std::uint8_t kShiftIn = 0x0f;

// DEC special graphics, from '`' on.
constexpr char32_t kGraphics[] = {U'◆', U'▒', U'␉', U'␌', U'␍', U'␊', U'°', U'±', U'␤', U'␋', U'┘',
                                  U'┐', U'┌', U'└', U'┼', U'⎺', U'⎻', U'─', U'⎼', U'⎽', U'├', U'┤',
                                  U'┴', U'┬', U'│', U'≤', U'≥', U'π', U'≠', U'£', U'·'};
constexpr char32_t kFirstGraphic = '`';

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

// Where an SGR sequence ends that begins at `at`; `at` itself when none does that is whole.
const std::uint8_t* end_of_style(const std::uint8_t* at, const std::uint8_t* end) {
  if (end - at < 3 || at[0] != ControlParser::kEscapeByte || at[1] != '[') return at;
  const auto* final = at + 2;
  while (final != end && ((*final >= '0' && *final <= '9') || *final == ';')) ++final;
  return final != end && *final == 'm' ? final + 1 : at;
}

bool is_printed_ascii(std::uint8_t byte) { return byte >= 0x20 && byte < 0x7f; }

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

// ---- text ----

const std::uint8_t* Screen::skip_text(const std::uint8_t* at, const std::uint8_t* end) {
  while (at != end) {
    const auto* const text = skip_plain_text(at, end);
    at = styles_count_ ? text : end_of_style(text, end);
    if (at == text) break;
  }
  return at;
}

const std::uint8_t* Screen::skip_plain_text(const std::uint8_t* at, const std::uint8_t* end) {
  const auto find = [](const std::uint8_t* from, const std::uint8_t* to, std::uint8_t byte) {
    return static_cast<const std::uint8_t*>(
        std::memchr(from, byte, static_cast<std::size_t>(to - from)));
  };
  if (const auto* escape = find(at, end, ControlParser::kEscapeByte)) end = escape;
  const auto last = [at, end](std::uint8_t byte) {
    return static_cast<const std::uint8_t*>(
        ::memrchr(at, byte, static_cast<std::size_t>(end - at)));
  };
  const auto* const out = last(kShiftOut);
  const auto* const in = last(kShiftIn);
  if (out != nullptr && (in == nullptr || in < out)) charsets_.shifted = 1;
  if (in != nullptr && (out == nullptr || out < in)) charsets_.shifted = 0;
  return end;
}

const std::uint8_t* Screen::feed_text(const std::uint8_t* at, const std::uint8_t* end) {
  while (at != end) {
    if (is_printed_ascii(*at) && !utf8_.begun()) {
      at = print_ascii(at, end);
    } else if (*at == ControlParser::kEscapeByte) {
      if (utf8_.begun()) feed_utf8(*at);  // which was no character
      return at;
    } else {
      feed_utf8(*at++);
    }
  }
  return at;
}

const std::uint8_t* Screen::print_ascii(const std::uint8_t* at, const std::uint8_t* end) {
  if (charsets_.sets[charsets_.shifted] != Charset::kAscii || insert_) {
    print(*at);
    return at + 1;
  }
  if (cursor_.full && modes_.wraps()) wrap();
  const auto room = static_cast<std::ptrdiff_t>(columns() - cursor_.column);
  end = at + std::min(end - at, room);
  const auto* stop = at;
  while (stop != end && is_printed_ascii(*stop)) ++stop;
  const auto size = static_cast<int>(stop - at);
  auto* cell = grid().write(cursor_.row, cursor_.column, size).data();
  for (; at != stop; ++at, ++cell) {
    cell->content = *at;
    cell->style = style_;
  }
  last_ = stop[-1];
  cursor_.column += size;
  cursor_.full = cursor_.column == columns();
  if (cursor_.full) --cursor_.column;
  return at;
}

void Screen::feed_utf8(std::uint8_t byte) {
  Utf8Decoder::Result result;
  do {
    result = utf8_.feed(byte);
    if (!result.complete) return;
    if (result.character < 0x20 || result.character == 0x7f) {
      if (result.character != ControlParser::kEscapeByte)
        execute(static_cast<std::uint8_t>(result.character));
    } else {
      print(result.character);
    }
  } while (result.again && byte != ControlParser::kEscapeByte);
}

void Screen::print(char32_t character) {
  switch (charsets_.sets[charsets_.shifted]) {
    case Charset::kAscii: break;
    case Charset::kBritish:
      if (character == '#') character = U'£';
      break;
    case Charset::kGraphics:
      if (character == '_') character = ' ';
      if (character >= kFirstGraphic && character < kFirstGraphic + std::size(kGraphics))
        character = kGraphics[character - kFirstGraphic];
      break;
  }
  const int width = character_width(character);
  if (width == 0) return combine(character);
  put(character, width);
}

void Screen::put(char32_t character, int width) {
  if (width > columns()) return;
  if (cursor_.full && modes_.wraps()) wrap();
  if (cursor_.column + width > columns()) {  // a wide one in the last column
    if (modes_.wraps())
      wrap();
    else
      cursor_.column = columns() - width;
  }
  if (insert_) grid().insert(cursor_.row, cursor_.column, width, style_.erased());
  const auto cells = grid().write(cursor_.row, cursor_.column, width);
  cells[0] = {width == 2 ? character | Cell::kWide : character, style_};
  if (width == 2) {
    cells[1] = {U' ' | Cell::kTail, style_};
    grid().note_wide(cursor_.row);
  }
  last_ = character;
  cursor_.column += width;
  cursor_.full = cursor_.column == columns();
  if (cursor_.full) --cursor_.column;
}

void Screen::wrap() {
  grid().set_wrapped(cursor_.row);
  cursor_.column = 0;
  cursor_.full = false;
  line_feed();
}

void Screen::combine(char32_t character) {
  int column = cursor_.full ? cursor_.column : cursor_.column - 1;
  if (column < 0 || character < 0x300) return;  // nothing to combine with; controls
  last_ = 0;
  if (grid().cell(cursor_.row, column).tail()) --column;
  const auto cell = grid().cell(cursor_.row, column);
  auto cluster = content(cell);
  if (cluster.size() >= kMaxCluster) return;
  cluster += character;
  const auto index = add_cluster(std::move(cluster));
  if (!index) return;
  const auto flags = cell.content & Cell::kWide;
  grid().write(cursor_.row, column, flags != 0 ? 2 : 1)[0].content =
      flags | Cell::kCluster | *index;
}

std::u32string Screen::content(const Cell& cell) const {
  if (cell.tail()) return {};
  if (cell.cluster()) return clusters_[cell.value()];
  return std::u32string(1, cell.value());
}

std::optional<char32_t> Screen::add_cluster(std::u32string cluster) {
  cluster_limit_ = std::max(cluster_limit_, kMinClusterLimit);
  if (clusters_.size() >= cluster_limit_) {
    collect_clusters();
    cluster_limit_ = std::max(kMinClusterLimit, 2 * clusters_.size());
  }
  if (clusters_.size() > Cell::kValue) return std::nullopt;
  clusters_.push_back(std::move(cluster));
  return static_cast<char32_t>(clusters_.size() - 1);
}

// Keeps those that are still on a screen.
void Screen::collect_clusters() {
  std::vector<std::u32string> kept;
  const auto keep = [&](Cell& cell) {
    if (!cell.cluster()) return;
    kept.push_back(clusters_[cell.value()]);
    cell.content = (cell.content & ~Cell::kValue) | static_cast<char32_t>(kept.size() - 1);
  };
  main_.for_each_cell(keep);
  if (alternate_) alternate_->for_each_cell(keep);
  clusters_ = std::move(kept);
}

void Screen::execute(std::uint8_t control) {
  if (control == kShiftOut || control == kShiftIn) {
    charsets_.shifted = control == kShiftOut ? 1 : 0;
    return;
  }
  last_ = 0;
  switch (control) {
    case kBackspace:
      cursor_.full = false;
      if (cursor_.column > 0) --cursor_.column;
      return;
    case '\t': return tab(1);
    case '\n':
    case '\v':
    case '\f':
      cursor_.full = false;
      if (new_line_) cursor_.column = 0;
      return line_feed();
    case '\r':
      cursor_.full = false;
      cursor_.column = 0;
      return;
    default: return;
  }
}

// ---- sequences ----

void Screen::on_event(Event event, std::uint8_t byte, std::uint64_t position) {
  switch (event) {
    case Event::kNone: return;
    case Event::kExecute: return execute(byte);
    case Event::kEscape: return on_escape(position);
    case Event::kControl: return on_control(position);
    case Event::kCommand: return on_command();
  }
}

void Screen::on_escape(std::uint64_t position) {
  const auto final = parser_.final();
  switch (parser_.intermediate()) {
    case 0: break;
    case '(':
    case ')':
    case '*':
    case '+': return designate(static_cast<std::uint8_t>(parser_.intermediate() - '('), final);
    case '#':
      if (final == '8') align();
      return;
    default: return;
  }
  if (final == '=' || final == '>') return modes_.apply_escape(parser_, position);
  if (final == 'n' || final == 'o') {
    charsets_.shifted = final == 'n' ? 2 : 3;
    return;
  }
  last_ = 0;
  switch (final) {
    case '7': return save_cursor();
    case '8': return restore_cursor();
    case 'D': cursor_.full = false; return line_feed();
    case 'E':
      cursor_.full = false;
      cursor_.column = 0;
      return line_feed();
    case 'H': tabs_[static_cast<std::size_t>(cursor_.column)] = true; return;
    case 'M': cursor_.full = false; return reverse_line_feed();
    case 'c': hard_reset(); return modes_.apply_escape(parser_, position);
    default: return;
  }
}

void Screen::designate(std::uint8_t set, std::uint8_t final) {
  charsets_.sets[set] = final == '0'   ? Charset::kGraphics
                        : final == 'A' ? Charset::kBritish
                                       : Charset::kAscii;
}

void Screen::on_control(std::uint64_t position) {
  const auto final = parser_.final();
  const auto marker = parser_.marker();
  if (parser_.intermediate() != 0) {
    if (parser_.intermediate() == '!' && marker == 0 && final == 'p') soft_reset();
    return modes_.apply_control(parser_, position);
  }
  if (marker == '?' && (final == 'h' || final == 'l')) {
    for (std::size_t i = 0; i < parser_.count(); ++i)
      on_private_mode(parser_.param(i), final == 'h');
    return modes_.apply_control(parser_, position);
  }
  if (marker == '?' && (final == 'J' || final == 'K'))  // selective, but nothing is protected here
    return final == 'J' ? erase_display(parser_.param(0)) : erase_line(parser_.param(0));
  if (marker != 0) return modes_.apply_control(parser_, position);
  on_plain_control();
}

void Screen::on_plain_control() {
  const int count = std::max<int>(parser_.param(0), 1);
  switch (parser_.final()) {
    case 'm': return style_.apply(parser_);
    case 'h': return on_mode(true);
    case 'l': return on_mode(false);
    case 't': return on_title_stack();
    case 'b':
      if (skipping_ || last_ == 0) return;
      for (int i = std::min(count, rows() * columns()); i > 0; --i)
        put(last_, character_width(last_));
      return;
    case 'c':
    case 'n':
    case 'q': return;  // questions and lamps
    default: break;
  }
  last_ = 0;
  switch (parser_.final()) {
    case 'r': return set_margins(parser_.param(0), parser_.param(1));
    case 's': return save_cursor();
    case 'u': return restore_cursor();
    case 'g':
      if (parser_.param(0) == 0) tabs_[static_cast<std::size_t>(cursor_.column)] = false;
      if (parser_.param(0) == 3) tabs_.assign(tabs_.size(), false);
      return;
    case 'J':
      if (skipping_ && parser_.param(0) == 2) grid().erase_rows(0, rows(), style_.erased());
      [[fallthrough]];
    case '@':
    case 'K':
    case 'L':
    case 'M':
    case 'P':
    case 'S':
    case 'T':
    case 'X':
    case '^':
      if (!skipping_) on_edit_control(count);
      return;
    default: return on_cursor_control(count);
  }
}

void Screen::on_cursor_control(int count) {
  const int first = origin_ ? top_ : 0;
  switch (parser_.final()) {
    case 'A': return move_by(-count, 0);
    case 'B':
    case 'e': return move_by(count, 0);
    case 'C':
    case 'a': return move_by(0, count);
    case 'D': return move_by(0, -count);
    case 'E': cursor_.column = 0; return move_by(count, 0);
    case 'F': cursor_.column = 0; return move_by(-count, 0);
    case 'G':
    case '`': return move_to(cursor_.row, count - 1);
    case 'H':
    case 'f': return move_to(first + count - 1, std::max<int>(parser_.param(1), 1) - 1);
    case 'I': return tab(count);
    case 'Z': return tab(-count);
    case 'd': return move_to(first + count - 1, cursor_.column);
    default: return;
  }
}

void Screen::on_edit_control(int count) {
  const auto style = style_.erased();
  const auto row = cursor_.row;
  const bool in_margins = row >= top_ && row < bottom_;
  const auto final = parser_.final();
  if (final == 'S') return scroll_up(count);
  if (final == '^' || (final == 'T' && parser_.count() == 1)) return scroll_down(count);
  if (final == 'T') return;  // begins to track the mouse, in five numbers
  cursor_.full = false;
  switch (final) {
    case '@': return grid().insert(row, cursor_.column, count, style);
    case 'J': return erase_display(parser_.param(0));
    case 'K': return erase_line(parser_.param(0));
    case 'L':
      if (in_margins) grid().scroll_down(row, bottom_, count, style);
      if (in_margins) cursor_.column = 0;
      return;
    case 'M':
      if (in_margins) grid().scroll_up(row, bottom_, count, style);
      if (in_margins) cursor_.column = 0;
      return;
    case 'P': return grid().remove(row, cursor_.column, count, style);
    case 'X':
      return grid().erase(row, cursor_.column, std::min(cursor_.column + count, columns()), style);
    default: return;
  }
}

void Screen::on_mode(bool on) {
  for (std::size_t i = 0; i < parser_.count(); ++i) {
    if (parser_.param(i) == 4) insert_ = on;
    if (parser_.param(i) == 20) new_line_ = on;
  }
}

void Screen::on_private_mode(std::uint16_t number, bool on) {
  constexpr std::uint16_t kReverseScreen = 5, kOrigin = 6, kAlternate = 47,
                          kAlternateCleared = 1047, kSaveCursor = 1048, kAlternateAndCursor = 1049;
  switch (number) {
    case kReverseScreen: reverse_screen_ = on; return;
    case kOrigin:
      origin_ = on;
      last_ = 0;
      return move_to(on ? top_ : 0, 0);
    case kSaveCursor: last_ = 0; return on ? save_cursor() : restore_cursor();
    case kAlternate:
    case kAlternateCleared:
    case kAlternateAndCursor: break;
    default: return;
  }
  last_ = 0;
  if (on) {
    if (number == kAlternateAndCursor) save_cursor();
    if (!alternate_) alternate_ = std::make_unique<Grid>(size());
    if (number == kAlternateAndCursor) alternate_->erase_rows(0, rows(), style_.erased());
  } else {
    alternate_.reset();
    saved_[1] = {};
    if (number == kAlternateAndCursor) restore_cursor();
  }
}

void Screen::on_title_stack() {
  constexpr std::uint16_t kPush = 22, kPop = 23, kIconAlone = 1;
  if (parser_.param(1) == kIconAlone) return;
  if (parser_.param(0) == kPush) {
    if (titles_.size() == kMaxTitles) titles_.erase(titles_.begin());
    titles_.push_back(title_);
  } else if (parser_.param(0) == kPop && !titles_.empty()) {
    title_ = std::move(titles_.back());
    titles_.pop_back();
  }
}

void Screen::on_command() {
  const auto command = parser_.string();
  if (!command.starts_with("0;") && !command.starts_with("2;")) return;
  const auto text = command.substr(2);
  // Whole characters of valid UTF-8, so that it can be told to any terminal.
  title_.clear();
  Utf8Decoder decoder;
  for (std::size_t i = 0; i < text.size() && title_.size() < kMaxTitle; ++i) {
    const auto result = decoder.feed(static_cast<std::uint8_t>(text[i]));
    if (!result.complete || result.character < 0x20 ||
        (result.character >= 0x7f && result.character < 0xa0))
      continue;
    append_utf8(title_, result.character);
    if (result.again) --i;
  }
}

// ---- what they do ----

void Screen::line_feed() {
  if (cursor_.row == bottom_ - 1) return scroll_up(1);
  if (cursor_.row < rows() - 1) ++cursor_.row;
}

void Screen::reverse_line_feed() {
  if (cursor_.row == top_) return scroll_down(1);
  if (cursor_.row > 0) --cursor_.row;
}

void Screen::scroll_up(int count) {
  if (skipping_) return;
  count = std::min(count, bottom_ - top_);
  if (on_line_ && top_ == 0 && !alternate_)
    for (int row = 0; row < count; ++row) tell_line(row);
  grid().scroll_up(top_, bottom_, count, style_.erased());
}

void Screen::scroll_down(int count) {
  if (!skipping_) grid().scroll_down(top_, bottom_, count, style_.erased());
}

void Screen::move_to(int row, int column) {
  const int first = origin_ ? top_ : 0;
  const int last = origin_ ? bottom_ - 1 : rows() - 1;
  cursor_.row = std::clamp(row, first, last);
  cursor_.column = std::clamp(column, 0, columns() - 1);
  cursor_.full = false;
}

void Screen::move_by(int rows_down, int columns_right) {
  // Not out of the margins, when the cursor is within.
  const int first = cursor_.row >= top_ ? top_ : 0;
  const int last = cursor_.row < bottom_ ? bottom_ - 1 : rows() - 1;
  cursor_.row = std::clamp(cursor_.row + rows_down, first, last);
  cursor_.column = std::clamp(cursor_.column + columns_right, 0, columns() - 1);
  cursor_.full = false;
}

void Screen::tab(int count) {
  int column = cursor_.column;
  const int step = count < 0 ? -1 : 1;
  for (int left = std::abs(count); left > 0; --left) {
    const int from = column;
    do column += step;
    while (column > 0 && column < columns() - 1 && !tabs_[static_cast<std::size_t>(column)]);
    column = std::clamp(column, 0, columns() - 1);
    if (column == from) break;
  }
  if (column != cursor_.column) cursor_.full = false;
  cursor_.column = column;
}

void Screen::erase_display(int what) {
  if (skipping_) return;
  cursor_.full = false;
  last_ = 0;
  const auto style = style_.erased();
  if (what == 0) {
    grid().erase(cursor_.row, cursor_.column, columns(), style);
    grid().erase_rows(cursor_.row + 1, rows(), style);
  } else if (what == 1) {
    grid().erase_rows(0, cursor_.row, style);
    grid().erase(cursor_.row, 0, cursor_.column + 1, style);
  } else if (what == 2) {
    grid().erase_rows(0, rows(), style);
  }
}

void Screen::erase_line(int what) {
  if (skipping_) return;
  cursor_.full = false;
  last_ = 0;
  const int from = what == 0 ? cursor_.column : 0;
  const int to = what == 1 ? cursor_.column + 1 : columns();
  if (what <= 2) grid().erase(cursor_.row, from, to, style_.erased());
}

void Screen::set_margins(int top, int bottom) {
  top = std::max(top, 1);
  if (bottom == 0 || bottom > rows()) bottom = rows();
  if (top >= bottom) return;
  top_ = top - 1;
  bottom_ = bottom;
  move_to(origin_ ? top_ : 0, 0);
}

void Screen::restore_cursor() {
  const auto& from = saved();
  style_ = from.style;
  charsets_ = from.charsets;
  origin_ = from.origin;
  const bool full = from.cursor.full;
  move_to(from.cursor.row, from.cursor.column);
  cursor_.full = full && cursor_.column == columns() - 1;
}

void Screen::align() {
  top_ = 0;
  bottom_ = rows();
  origin_ = false;
  move_to(0, 0);
  last_ = 0;
  if (skipping_) return;
  for (int row = 0; row < rows(); ++row)
    for (auto& cell : grid().write(row, 0, columns())) cell = {U'E', CellStyle()};
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
