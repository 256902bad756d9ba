// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/gate.hpp"

namespace ptyd::web {
namespace {

std::string origin_of(const std::string& url) {
  return url.substr(0, url.find('/', url.find("://") + 3));
}

}  // namespace

Gate::Gate(const std::string& url, const std::vector<std::string>& origins) {
  origins_.insert(origins.begin(), origins.end());
  origins_.insert(origin_of(url));
  for (const auto& origin : origins_) hosts_.insert(origin.substr(origin.find("://") + 3));
}

const char* Gate::problem(const Request& request, bool acts) const {
  if (request.count(http::field::host) != 1) return "one Host is expected";
  if (!hosts_.contains(to_view(request[http::field::host])))
    return "this Host is not among those that ptyd-web is configured for (site.url, site.origins)";
  const auto origins = request.count(http::field::origin);
  if (origins == 0) return acts ? "an Origin is expected" : nullptr;
  if (origins != 1 || !origins_.contains(to_view(request[http::field::origin])))
    return "this Origin is not among those that ptyd-web is configured for (site.url, "
           "site.origins)";
  return nullptr;
}

bool Gate::is_secure(const Request& request) const {
  return to_view(request[http::field::origin]).starts_with("https://");
}

}  // namespace ptyd::web
