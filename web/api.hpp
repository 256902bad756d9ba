// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "web/rate.hpp"
#include "web/services.hpp"

namespace ptyd::web {

// Answers requests: the page, and what docs/web.md lists below /api. Knows no connections.
class Api {
 public:
  // Called once, now or later, from the loop. What it holds may be gone by then.
  using Respond = std::function<void(Response)>;

  explicit Api(Services& services);

  void handle(const Request& request, const Respond& respond);
  // Whether a WebSocket may be opened: a refusal, or nothing and whose it is.
  std::optional<Response> check_websocket(const Request& request, Grant& grant);

 private:
  struct Call {
    const Request& request;
    Target target;
    Grant grant;
    Respond respond;
  };

  // A refusal that does not depend on what is asked for.
  std::optional<Response> check(const Request& request, bool acts, bool needs_grant, Grant& grant);
  bool handle_public(const Request& request, const Target& target, const Respond& respond);
  void handle_api(Call& call);
  void handle_session(Call& call, const std::string& session, std::string_view what);
  void log_in(const Request& request, const Respond& respond);
  void log_out(Call& call);
  void who_am_i(Call& call);
  void metrics(Call& call);
  void health(Call& call);
  void list(Call& call);
  void create(Call& call);
  // Goes on with a session that the grant covers, else answers.
  void with_session(const Call& call, const std::string& session,
                    std::function<void(const Json& session)> go_on);
  void terminate(const std::string& id, const Respond& respond);
  void output(const std::string& id, const Respond& respond);
  Rate& rate_of(const std::string& grant);

  Services& services_;
  Rate anonymous_;
  Rate logins_;
  std::map<std::string, Rate> rates_;  // of grants
};

}  // namespace ptyd::web
