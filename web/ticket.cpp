// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/ticket.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>

#include "common/message.hpp"
#include "common/session_name.hpp"

namespace ptyd::web {
namespace {

constexpr int kSucceeded = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr std::chrono::hours kMaxLifetime{24 * 365};

int fail(const std::string& problem, int status) {
  std::fprintf(stderr, "ptyctl: %s\n", problem.c_str());
  return status;
}

// Whether nobody listens on "http://127.0.0.1:PORT"; false also when it cannot be told.
bool is_refused(const std::string& url) {
  constexpr std::string_view kLoopback = "http://127.0.0.1:";
  if (!url.starts_with(kLoopback)) return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::uint16_t port = 0;
  std::from_chars(url.data() + kLoopback.size(), url.data() + url.size(), port);
  address.sin_port = htons(port);
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return fd && ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 &&
         errno == ECONNREFUSED;
}

Json to_json(const Grant& grant) {
  return {{"id", grant.id},
          {"kind", to_string(grant.kind)},
          {"readOnly", grant.read_only},
          {"session", grant.session.empty() ? Json(nullptr) : Json(grant.session)},
          {"createdAt", format_utc(grant.created_at)},
          {"expiresAt", format_utc(grant.expires_at)}};
}

int list(AccessFolder& access, bool json) {
  const auto grants = access.list();
  if (json) {
    auto all = Json::array();
    for (const auto& grant : grants) all.push_back(to_json(grant));
    std::printf("%s\n", to_text(all).c_str());
    return kSucceeded;
  }
  std::printf("%-12s  %-7s  %-9s  %-24s  %s\n", "ID", "KIND", "MAY", "EXPIRES", "SESSION");
  for (const auto& grant : grants)
    std::printf("%-12s  %-7s  %-9s  %-24s  %s\n", grant.id.c_str(), to_string(grant.kind),
                grant.read_only ? "look" : "do all", format_utc(grant.expires_at).c_str(),
                grant.session.empty() ? "-" : printable(grant.session).c_str());
  return kSucceeded;
}

int revoke(AccessFolder& access, const std::string& which) {
  if (which != "all")
    return access.revoke(which)
               ? kSucceeded
               : fail("there is no ticket, browser or token '" + printable(which) + "'", kFailed);
  for (const auto& grant : access.list()) access.revoke(grant.id);
  return kSucceeded;
}

int issue(const TicketOptions& options, const Config& config, AccessFolder& access) {
  Grant grant;
  grant.kind = options.token ? Grant::Kind::kToken : Grant::Kind::kTicket;
  grant.read_only = options.read_only;
  grant.session = options.session;
  if (const auto problem = session_name_problem(options.session);
      !options.session.empty() && !is_session_id(options.session) && !problem.empty())
    return fail(problem, kUsage);
  auto lifetime = options.token ? config.access.browser : config.access.ticket;
  if (!options.expires.empty()) {
    const auto problem =
        set_duration(lifetime, options.expires, std::chrono::seconds(1), kMaxLifetime);
    if (!problem.empty()) return fail("--expires: " + problem, kUsage);
  }
  grant.expires_at = std::chrono::system_clock::now() + lifetime;
  std::string problem;
  const auto issued = access.issue(grant, problem);
  if (!issued) return fail(problem, kFailed);
  const auto& secret = issued->second;
  const auto url = options.url.empty() ? config.site.url : options.url;
  const auto text = options.token ? secret : url + "/#ticket=" + secret;
  if (options.json) {
    auto json = to_json(issued->first);
    json[options.token ? "token" : "url"] = text;
    std::printf("%s\n", to_text(json).c_str());
  } else {
    std::printf("%s\n", text.c_str());
  }
  if (is_refused(url))
    std::fprintf(stderr,
                 "ptyctl: nobody listens on %s: start it with 'systemctl --user start "
                 "ptyd-web.socket', or say where it is in ptyd-web.yaml (site.url)\n",
                 url.c_str());
  return kSucceeded;
}

}  // namespace

int run_ticket(const TicketOptions& options, const Config& config, AccessFolder& access) {
  if (options.list) return list(access, options.json);
  if (!options.revoke.empty()) return revoke(access, options.revoke);
  return issue(options, config, access);
}

}  // namespace ptyd::web
