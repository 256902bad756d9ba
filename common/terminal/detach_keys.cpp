// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/terminal/detach_keys.hpp"

#include <charconv>
#include <string_view>
#include <utility>

namespace ptyd {
namespace {

constexpr int kPressesToDetach = 3;
constexpr std::uint8_t kGroupSeparator = 0x1d;  // what ^] sends

struct Key {
  std::size_t length = 0;  // 0: another key
  bool pressed = false;    // else released
};

std::optional<unsigned> take_parameter(std::string_view& text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// Modifiers are sent as 1 + their bits.
bool is_control_alone(unsigned modifiers) {
  constexpr unsigned kControl = 4, kCapsAndNumLock = 64 + 128;
  return modifiers > 0 && ((modifiers - 1) & ~kCapsAndNumLock) == kControl;
}

// CSI 93 [: other layouts] ; modifiers [: event] u
Key csi_u_key(std::string_view text) {
  const auto size = text.size();
  if (take_parameter(text) != ']') return {};
  while (take(text, ':')) (void)take_parameter(text);
  if (!take(text, ';')) return {};
  const auto modifiers = take_parameter(text);
  if (!modifiers || !is_control_alone(*modifiers)) return {};
  constexpr unsigned kPress = 1, kRelease = 3;
  const auto event = take(text, ':') ? take_parameter(text) : kPress;
  if (!take(text, 'u')) return {};
  return {size - text.size(), event != kRelease};
}

Key detach_key(std::string_view text) {
  if (static_cast<std::uint8_t>(text.front()) == kGroupSeparator) return {1, true};
  constexpr std::string_view kModifyOtherKeys = "\x1b[27;5;93~";
  if (text.starts_with(kModifyOtherKeys)) return {kModifyOtherKeys.size(), true};
  constexpr std::string_view kCsi = "\x1b[";
  if (!text.starts_with(kCsi)) return {};
  auto key = csi_u_key(text.substr(kCsi.size()));
  if (key.length > 0) key.length += kCsi.size();
  return key;
}

}  // namespace

DetachKeys::Result DetachKeys::feed(std::span<const std::uint8_t> typed, Clock::time_point now) {
  Result result;
  if (presses_ > 0 && now - first_press_ >= kWindow) result.pass_on = expire();
  while (!typed.empty()) {
    const auto key = detach_key(as_text(typed));
    const auto length = key.length > 0 ? key.length : 1;
    const auto bytes = typed.first(length);
    typed = typed.subspan(length);
    if (key.pressed && presses_ == 0) first_press_ = now;
    if (key.pressed) ++presses_;
    if (presses_ == kPressesToDetach) {
      expire();
      result.detach = true;
      return result;
    }
    if (key.length > 0 && presses_ > 0) {
      held_.insert(held_.end(), bytes.begin(), bytes.end());
      continue;
    }
    const auto held = expire();
    result.pass_on.insert(result.pass_on.end(), held.begin(), held.end());
    result.pass_on.insert(result.pass_on.end(), bytes.begin(), bytes.end());
  }
  return result;
}

std::optional<Clock::time_point> DetachKeys::deadline() const {
  if (presses_ == 0) return std::nullopt;
  return first_press_ + kWindow;
}

Bytes DetachKeys::expire() {
  presses_ = 0;
  return std::exchange(held_, {});
}

}  // namespace ptyd
