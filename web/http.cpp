// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/http.hpp"

#include <charconv>

namespace ptyd::web {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Calls `f` with each part between separators until it returns true.
template <typename F>
void for_each_part(std::string_view text, char separator, F f) {
  while (true) {
    const auto end = text.find(separator);
    if (f(text.substr(0, end)) || end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

Target::Target(std::string_view target) {
  const auto question = target.find('?');
  path = target.substr(0, question);
  if (question != std::string_view::npos) query = target.substr(question + 1);
}

std::optional<std::string> Target::parameter(std::string_view name) const {
  std::optional<std::string> value;
  for_each_part(query, '&', [&](std::string_view part) {
    const auto equals = part.find('=');
    if (part.substr(0, equals) != name) return false;
    value = unescape_url(equals == std::string_view::npos ? "" : part.substr(equals + 1));
    return true;
  });
  return value;
}

std::optional<std::uint64_t> Target::number(std::string_view name) const {
  const auto text = parameter(name);
  if (!text) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return value;
}

std::optional<std::string> unescape_url(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::optional<std::string> cookie(const Request& request, std::string_view name) {
  std::optional<std::string> value;
  const auto range = request.equal_range(http::field::cookie);
  for (auto field = range.first; field != range.second && !value; ++field)
    for_each_part(to_view(field->value()), ';', [&](std::string_view part) {
      part = trimmed(part);
      if (!part.starts_with(name) || part.substr(name.size(), 1) != "=") return false;
      value = std::string(part.substr(name.size() + 1));
      return true;
    });
  return value;
}

Response make_text(http::status status, std::string body, std::string_view type) {
  Response response;
  response.result(status);
  response.set(http::field::content_type, std::string(type));
  response.body() = std::move(body);
  return response;
}

Response make_json(http::status status, const Json& json) {
  return make_text(status, to_text(json) + "\n", "application/json");
}

Response make_error(http::status status, std::string_view code, std::string_view message,
                    std::optional<std::chrono::seconds> retry_after) {
  auto response =
      make_json(status, {{"error", std::string(code)}, {"message", std::string(message)}});
  if (retry_after) response.set(http::field::retry_after, std::to_string(retry_after->count()));
  return response;
}

}  // namespace ptyd::web
