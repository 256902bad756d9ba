// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "web/http.hpp"

namespace ptyd::web {

// The first look at every request: whether it is meant for this gateway (Host, so that no other
// name can be made to point here), and comes from its own page (Origin, so that no other page can
// ask in a browser's name). Both by exact comparison with a list. Loopback is no exception.
class Gate {
 public:
  // Of `https://host.example/path` and further origins.
  Gate(const std::string& url, const std::vector<std::string>& origins);

  // Why the request is turned away, for people; null when it may pass. `acts` means that it changes
  // something or opens a WebSocket: then it must name its origin.
  [[nodiscard]] const char* problem(const Request& request, bool acts) const;
  // Whether the origin that the request names is reached by TLS, so that its cookie may be, too.
  [[nodiscard]] bool is_secure(const Request& request) const;

 private:
  std::set<std::string, std::less<>> origins_;
  std::set<std::string, std::less<>> hosts_;
};

}  // namespace ptyd::web
