// SPDX-License-Identifier: LGPL-2.1-or-later
// Characters, controls of a single byte among them, and how they are kept.
#include "common/terminal/screen.hpp"

#include <algorithm>
#include <cstring>

namespace ptyd {
namespace {

constexpr std::size_t kMaxCluster = 8;  // characters in one place; further ones are dropped
constexpr std::size_t kMinClusterLimit = 256;

constexpr std::uint8_t kBackspace = 0x08;

// DEC special graphics, from '`' on.
constexpr char32_t kGraphics[] = {U'◆', U'▒', U'␉', U'␌', U'␍', U'␊', U'°', U'±', U'␤', U'␋', U'┘',
                                  U'┐', U'┌', U'└', U'┼', U'⎺', U'⎻', U'─', U'⎼', U'⎽', U'├', U'┤',
                                  U'┴', U'┬', U'│', U'≤', U'≥', U'π', U'≠', U'£', U'·'};
constexpr char32_t kFirstGraphic = '`';

// A digit, a colon or a semicolon.
bool is_parameter(std::uint8_t byte) { return static_cast<unsigned>(byte) - '0' <= ';' - '0'; }

// Where an SGR sequence ends that begins at `at`; `at` itself when none does that is whole.
const std::uint8_t* end_of_style(const std::uint8_t* at, const std::uint8_t* end) {
  if (end - at < 3 || at[0] != ControlParser::kEscapeByte || at[1] != '[') return at;
  const auto* final = at + 2;
  while (final != end && is_parameter(*final)) ++final;
  return final != end && *final == 'm' ? final + 1 : at;
}

bool is_printed_ascii(std::uint8_t byte) { return byte >= 0x20 && byte < 0x7f; }

}  // namespace

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
  if (!shifts_) return end;
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

}  // namespace ptyd
