// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/message.hpp"

namespace ptyd::web {

namespace http = boost::beast::http;

using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

// Boost has had its own string_view, another one in each of the releases that this builds with.
template <typename View>
std::string_view to_view(const View& view) {
  return {view.data(), view.size()};
}

// The parts of a request's target: "/api/sessions/ID" and "rows=24&columns=80".
struct Target {
  explicit Target(std::string_view target);

  std::string_view path;
  std::string_view query;

  // A parameter of the query, its %XX undone; nothing when it is not there or not well-formed.
  [[nodiscard]] std::optional<std::string> parameter(std::string_view name) const;
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name) const;
};

// Undoes %XX and +; nothing for a % that is followed by anything else.
std::optional<std::string> unescape_url(std::string_view text);

// The value of a cookie; nothing without it.
std::optional<std::string> cookie(const Request& request, std::string_view name);

// Responses without what all have in common, which Connection adds.
Response make_text(http::status status, std::string body, std::string_view type = "text/plain");
Response make_json(http::status status, const Json& json);
// {"error": code, "message": …}; with `retry_after` also as a header, in seconds, rounded up.
Response make_error(http::status status, std::string_view code, std::string_view message,
                    std::optional<std::chrono::seconds> retry_after = {});

}  // namespace ptyd::web
