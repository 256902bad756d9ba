// SPDX-License-Identifier: LGPL-2.1-or-later
// An HTTP request from anybody: it is answered, and without a grant with nothing that is
// somebody's.
#include <stdlib.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <memory>
#include <string>

#include "tests/fuzz/fuzz.hpp"
#include "web/api.hpp"

using namespace ptyd;
using namespace ptyd::web;

namespace {

// What a gateway has, without a daemon.
struct Gateway {
  Gateway() {
    config.limits.requests_per_second = 100'000;
    std::string problem;
    Grant grant;
    grant.kind = Grant::Kind::kToken;
    grant.expires_at = std::chrono::system_clock::now() + std::chrono::hours(24);
    token = access.issue(grant, problem).value().second;
  }
  ~Gateway() {
    access.revoke(token.substr(0, token.find('.')));
    ::rmdir(access.path().c_str());
  }

  static std::string make_folder() {
    char path[] = "/tmp/ptyd-fuzz-XXXXXX";
    const std::string made = ::mkdtemp(path);
    return made;
  }

  std::string folder = make_folder();
  EventLoop loop;
  Config config;
  Gate gate{kDefaultUrl, {}};
  Page page{PTYD_SOURCE_DIR "/web/page/src"};
  AccessFolder access{folder};
  DaemonLink link{loop, "/nowhere/at/all", {[](const Json&) {}, [] {}, [] {}}};
  Metrics metrics;
  Services services{config, gate, page, access, link, metrics};
  Api api{services};
  std::string token;
};

// As Connection reads it.
bool parse(fuzz::Input input, Request& request) {
  http::request_parser<http::string_body> parser;
  parser.header_limit(8 * 1024);
  parser.body_limit(64 * 1024);
  parser.eager(true);
  boost::system::error_code error;
  parser.put(boost::asio::buffer(input.data(), input.size()), error);
  if (!error && !parser.is_done()) parser.put_eof(error);
  if (error || !parser.is_done()) return false;
  request = parser.release();
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Gateway gateway;
  fuzz::Input input(data, size);
  // What a fuzzer would take long to find: the right host, and who may come in.
  const auto helped = fuzz::take_byte(input);
  Request request;
  if (!parse(input, request)) return 0;
  if ((helped & 1) != 0) request.set(http::field::host, "127.0.0.1:7681");
  if ((helped & 2) != 0) request.set(http::field::origin, kDefaultUrl);
  const bool granted = (helped & 4) != 0;
  if (granted) request.set(http::field::authorization, "Bearer " + gateway.token);

  const Target target(to_view(request.target()));
  const bool is_api = target.path.starts_with("/api/") || target.path == "/metrics";
  // A request that waits for a daemon is answered after this has returned.
  const auto answers = std::make_shared<int>(0);
  gateway.api.handle(request, [answers, harmless = granted || !is_api](const Response& response) {
    ++*answers;
    fuzz::require(harmless || response.result_int() >= 400);
  });
  Grant grant;
  const auto refusal = gateway.api.check_websocket(request, grant);
  fuzz::require(granted || refusal);
  gateway.loop.run_once(std::chrono::milliseconds(0));
  fuzz::require(*answers <= 1);
  return 0;
}
