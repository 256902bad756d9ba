// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/api.hpp"

#include <memory>
#include <utility>

#include "common/service/log.hpp"
#include "common/version.hpp"

namespace ptyd::web {
namespace {

using std::chrono::seconds;

constexpr seconds kRetryAfter{5};
// Requests without a cookie, of all strangers together: the page is five files.
constexpr double kAnonymousBurst = 400;
constexpr double kAnonymousPerSecond = 100;
// Tickets cannot be guessed; this keeps somebody who tries from filling the log.
constexpr double kLoginBurst = 20;
constexpr double kLoginsPerSecond = 1;
// A burst of one browser's, in seconds of its rate: a page that opens many sessions.
constexpr double kBurstSeconds = 4;
constexpr std::size_t kMaxRates = 1000;
// The end of a session's output that a page can have.
constexpr std::size_t kMaxOutput = 4 * 1024 * 1024;
// "user/name", twice the longest name.
constexpr std::size_t kMaxReference = 160;

struct ErrorStatus {
  http::status status;
  bool try_again;
};

ErrorStatus status_of(const std::string& code) {
  static const std::map<std::string, ErrorStatus, std::less<>> kStatuses{
      {"bad-request", {http::status::bad_request, false}},
      {"not-found", {http::status::not_found, false}},
      {"exists", {http::status::conflict, false}},
      {"denied", {http::status::forbidden, false}},
      {"shutting-down", {http::status::service_unavailable, true}},
      {"restarting", {http::status::service_unavailable, true}},
      {"draining", {http::status::service_unavailable, true}},
      {"limit", {http::status::too_many_requests, true}},
      {"start-failed", {http::status::unprocessable_entity, false}},
      {"not-running", {http::status::conflict, false}},
      {"host-lost", {http::status::bad_gateway, false}},
      {"timeout", {http::status::gateway_timeout, false}},
      {"unsupported", {http::status::not_implemented, false}},
      {kConnectionLost, {http::status::service_unavailable, true}},
  };
  const auto found = kStatuses.find(code);
  return found == kStatuses.end() ? ErrorStatus{http::status::internal_server_error, false}
                                  : found->second;
}

Response make_failure(const Failure& failure) {
  const auto [status, try_again] = status_of(failure.code);
  return make_error(status, failure.code, failure.message,
                    try_again ? std::optional(kRetryAfter) : std::nullopt);
}

Response too_many() {
  return make_error(http::status::too_many_requests, "limit", "too many requests, try again",
                    seconds(1));
}

Response not_allowed(const char* methods) {
  auto response = make_error(http::status::method_not_allowed, "bad-request",
                             std::string("expected ") + methods);
  response.set(http::field::allow, methods);
  return response;
}

Response not_found() {
  return make_error(http::status::not_found, "not-found", "there is nothing here");
}

Json to_json(const Grant& grant) {
  return {{"id", grant.id},
          {"readOnly", grant.read_only},
          {"session", grant.session.empty() ? Json(nullptr) : Json(grant.session)},
          {"expiresAt", format_utc(grant.expires_at)}};
}

bool acts(const Request& request) {
  return request.method() != http::verb::get && request.method() != http::verb::head;
}

// What the body says; nothing when it is no JSON object.
std::optional<Json> body_of(const Request& request) {
  auto message = decode_message(as_bytes(request.body()));
  if (!message || !message->body.empty()) return std::nullopt;
  return std::move(message->json);
}

// The cookie of the gateway that the request is meant for: browsers do not tell ports apart.
std::string cookie_name(const Request& request) {
  const auto host = to_view(request[http::field::host]);
  const auto colon = host.rfind(':');
  const bool has_port = colon != std::string_view::npos && !host.ends_with(']');
  return "ptyd_web" + (has_port ? "_" + std::string(host.substr(colon + 1)) : std::string());
}

// Who asks, by Authorization: Bearer or by cookie; nothing for a stranger.
std::optional<Grant> grant_of(const Request& request, const AccessFolder& access) {
  constexpr std::string_view kBearer = "Bearer ";
  const auto authorization = to_view(request[http::field::authorization]);
  std::optional<Grant> grant;
  if (authorization.starts_with(kBearer)) {
    grant = access.find(authorization.substr(kBearer.size()));
    if (grant && grant->kind != Grant::Kind::kToken) return std::nullopt;
  } else if (const auto secret = cookie(request, cookie_name(request))) {
    grant = access.find(*secret);
    if (grant && grant->kind != Grant::Kind::kBrowser) return std::nullopt;
  }
  return grant;
}

}  // namespace

Api::Api(Services& services)
    : services_(services),
      anonymous_(kAnonymousBurst, kAnonymousPerSecond),
      logins_(kLoginBurst, kLoginsPerSecond) {}

Rate& Api::rate_of(const std::string& grant) {
  if (rates_.size() > kMaxRates) rates_.clear();
  const auto per_second = static_cast<double>(services_.config.limits.requests_per_second);
  return rates_.try_emplace(grant, per_second * kBurstSeconds, per_second).first->second;
}

std::optional<Response> Api::check(const Request& request, bool acts, bool needs_grant,
                                   Grant& grant) {
  if (const auto* problem = services_.gate.problem(request, acts)) {
    ++services_.metrics.refused;
    return make_error(http::status::forbidden, "denied", problem);
  }
  auto found = grant_of(request, services_.access);
  if (!(found ? rate_of(found->id) : anonymous_).take()) return too_many();
  if (needs_grant && !found)
    return make_error(http::status::unauthorized, "denied",
                      "open the address that 'ptyctl web' prints");
  if (found) grant = *std::move(found);
  if (services_.stopping)
    return make_error(http::status::service_unavailable, to_string(ErrorCode::kShuttingDown),
                      "ptyd-web is shutting down", kRetryAfter);
  return std::nullopt;
}

std::optional<Response> Api::check_websocket(const Request& request, Grant& grant) {
  return check(request, true, true, grant);
}

void Api::handle(const Request& request, const Respond& respond) {
  const Target target(to_view(request.target()));
  const bool is_api = target.path.starts_with("/api/") || target.path == "/metrics";
  const bool is_login = target.path == "/api/login";
  Grant grant;
  if (auto refusal = check(request, acts(request), is_api && !is_login, grant))
    return respond(std::move(*refusal));
  if (is_login) return log_in(request, respond);
  if (!is_api) {
    if (!handle_public(request, target, respond)) respond(not_found());
    return;
  }
  Call call{request, target, std::move(grant), respond};
  handle_api(call);
}

bool Api::handle_public(const Request& request, const Target& target, const Respond& respond) {
  if (acts(request)) {
    respond(not_allowed("GET, HEAD"));
    return true;
  }
  if (target.path == "/healthz") {
    respond(make_text(http::status::ok, "ok\n"));
    return true;
  }
  if (target.path == "/readyz") {
    // Does not connect: to ask whether the daemon is there must not start it.
    const bool ready = services_.link.connected() && !services_.link.stopping();
    respond(ready ? make_text(http::status::ok, "ok\n")
                  : make_error(http::status::service_unavailable, "not-ready",
                               "there is no connection to the daemon", kRetryAfter));
    return true;
  }
  auto file = services_.page.get(request, target.path);
  if (!file) return false;
  respond(std::move(*file));
  return true;
}

void Api::handle_api(Call& call) {
  const auto method = call.request.method();
  const auto path = call.target.path;
  if (path == "/api/sessions") {
    if (method == http::verb::get) return list(call);
    if (method == http::verb::post) return create(call);
    return call.respond(not_allowed("GET, POST"));
  }
  constexpr std::string_view kSessions = "/api/sessions/";
  if (path.starts_with(kSessions)) {
    const auto rest = path.substr(kSessions.size());
    const auto slash = rest.find('/');
    auto session = unescape_url(rest.substr(0, slash));
    if (!session || session->empty() || session->size() > kMaxReference)
      return call.respond(not_found());
    const auto what = slash == std::string_view::npos ? "" : rest.substr(slash + 1);
    return handle_session(call, *session, what);
  }
  if (path == "/api/logout")
    return method == http::verb::post ? log_out(call) : call.respond(not_allowed("POST"));
  if (method != http::verb::get) return call.respond(not_allowed("GET"));
  if (path == "/api/me") return who_am_i(call);
  if (path == "/api/health") return health(call);
  if (path == "/metrics") return metrics(call);
  call.respond(not_found());
}

void Api::handle_session(Call& call, const std::string& session, std::string_view what) {
  const auto method = call.request.method();
  const auto respond = call.respond;
  if (what == "output") {
    if (method != http::verb::get) return respond(not_allowed("GET"));
    return with_session(call, session, [this, respond](const Json& found) {
      output(text_of(found, "id"), respond);
    });
  }
  if (!what.empty()) return respond(not_found());
  if (method == http::verb::get)
    return with_session(call, session, [respond](const Json& found) {
      respond(make_json(http::status::ok, found));
    });
  if (method != http::verb::delete_) return respond(not_allowed("GET, DELETE"));
  if (call.grant.read_only)
    return respond(make_error(http::status::forbidden, "denied", "you may only look"));
  with_session(call, session,
               [this, respond](const Json& found) { terminate(text_of(found, "id"), respond); });
}

// ---- access ----

void Api::log_in(const Request& request, const Respond& respond) {
  if (request.method() != http::verb::post) return respond(not_allowed("POST"));
  if (!logins_.take()) return respond(too_many());
  const auto body = body_of(request);
  auto redeemed = services_.access.redeem(body ? text_of(*body, "ticket") : std::string(),
                                          services_.config.access.browser);
  if (!redeemed) {
    ++services_.metrics.failed_logins;
    log::info("A ticket was refused: used before, expired, revoked or never given out");
    return respond(make_error(http::status::forbidden, "denied",
                              "this address was used before or has expired: ask 'ptyctl web' for "
                              "another"));
  }
  const auto& [grant, secret] = *redeemed;
  ++services_.metrics.logins;
  log::info("A browser has come in", {{"PTYD_GRANT", grant.id}});
  auto response = make_json(http::status::ok, to_json(grant));
  const auto age = std::chrono::duration_cast<seconds>(services_.config.access.browser).count();
  response.set(http::field::set_cookie, cookie_name(request) + "=" + secret + "; Path=/; Max-Age=" +
                                            std::to_string(age) + "; HttpOnly; SameSite=Strict" +
                                            (services_.gate.is_secure(request) ? "; Secure" : ""));
  respond(std::move(response));
}

void Api::log_out(Call& call) {
  services_.access.revoke(call.grant.id);
  auto response = make_json(http::status::ok, Json::object());
  response.set(http::field::set_cookie,
               cookie_name(call.request) + "=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
  call.respond(std::move(response));
}

void Api::who_am_i(Call& call) {
  auto json = to_json(call.grant);
  json["version"] = kVersion;
  call.respond(make_json(http::status::ok, json));
}

// ---- what the daemon knows ----

void Api::health(Call& call) {
  if (!call.grant.session.empty())
    return call.respond(
        make_error(http::status::forbidden, "denied", "you may see one session alone"));
  services_.link.call({.method = "health",
                       .on_reply =
                           [respond = call.respond](const Reply& reply) {
                             respond(reply.failure ? make_failure(*reply.failure)
                                                   : make_json(http::status::ok, reply.result));
                           },
                       .repeatable = true});
}

void Api::metrics(Call& call) {
  const bool connected = services_.link.connected() && !services_.link.stopping();
  auto text = std::make_shared<std::string>(services_.metrics.text(connected));
  const auto respond = [respond = call.respond, text] {
    respond(make_text(http::status::ok, *text, "text/plain; version=0.0.4; charset=utf-8"));
  };
  // Those of the daemon's other users are for nobody with a grant for one session. And a scrape
  // must not start a daemon.
  if (!connected || !call.grant.session.empty()) return respond();
  services_.link.call(
      {.method = "metrics",
       .on_item = [text](const Json&,
                         std::span<const std::uint8_t> body) { text->append(as_text(body)); },
       .on_reply = [respond](const Reply&) { respond(); }});
}

void Api::list(Call& call) {
  auto sessions = std::make_shared<Json>(Json::array());
  services_.link.call(
      {.method = "list",
       .on_item =
           [sessions, grant = call.grant](const Json& item, std::span<const std::uint8_t>) {
             if (grant.covers(text_of(item, "id"), text_of(item, "name")))
               sessions->push_back(item);
           },
       .on_reply =
           [respond = call.respond, sessions](const Reply& reply) {
             respond(reply.failure
                         ? make_failure(*reply.failure)
                         : make_json(http::status::ok, {{"sessions", std::move(*sessions)}}));
           }});
}

void Api::create(Call& call) {
  if (call.grant.read_only || !call.grant.session.empty())
    return call.respond(
        make_error(http::status::forbidden, "denied", "you may not create sessions"));
  auto params = body_of(call.request);
  if (!params)
    return call.respond(
        make_error(http::status::bad_request, "bad-request", "the body must be a JSON object"));
  services_.link.call(
      {.method = "create",
       .params = std::move(*params),
       .on_reply = [respond = call.respond](const Reply& reply) {
         if (reply.failure) return respond(make_failure(*reply.failure));
         const bool queued = text_of(reply.result, "state") == "queued";
         auto response =
             make_json(queued ? http::status::accepted : http::status::created, reply.result);
         response.set(http::field::location, "/api/sessions/" + text_of(reply.result, "id"));
         respond(std::move(response));
       }});
}

void Api::with_session(const Call& call, const std::string& session,
                       std::function<void(const Json& session)> go_on) {
  services_.link.call(
      {.method = "status",
       .params = {{"session", session}},
       .on_reply =
           [respond = call.respond, grant = call.grant,
            go_on = std::move(go_on)](const Reply& reply) {
             if (reply.failure) return respond(make_failure(*reply.failure));
             const auto& found = reply.result;
             if (!grant.covers(text_of(found, "id"), text_of(found, "name")))
               return respond(make_error(http::status::not_found, "not-found", "no such session"));
             go_on(found);
           },
       .repeatable = true});
}

void Api::terminate(const std::string& id, const Respond& respond) {
  services_.link.call({.method = "terminate",
                       .params = {{"session", id}},
                       .on_reply =
                           [respond](const Reply& reply) {
                             respond(reply.failure ? make_failure(*reply.failure)
                                                   : make_json(http::status::ok, reply.result));
                           },
                       .repeatable = true});
}

void Api::output(const std::string& id, const Respond& respond) {
  auto bytes = std::make_shared<std::string>();
  services_.link.call({.method = "capture",
                       .params = {{"session", id}},
                       .on_item =
                           [bytes](const Json&, std::span<const std::uint8_t> body) {
                             if (bytes->size() + body.size() <= kMaxOutput)
                               bytes->append(as_text(body));
                           },
                       .on_reply =
                           [respond, bytes](const Reply& reply) {
                             respond(reply.failure ? make_failure(*reply.failure)
                                                   : make_text(http::status::ok, std::move(*bytes),
                                                               "application/octet-stream"));
                           }});
}

}  // namespace ptyd::web
