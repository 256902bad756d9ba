// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/config.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "common/text.hpp"

namespace ptyd::web {
namespace {

using std::chrono::milliseconds;

constexpr auto kDay = std::chrono::hours(24);
constexpr char kMachineConfig[] = "/etc/ptyd/ptyd-web.yaml";
// More than descriptors can be had for.
constexpr std::uint64_t kMaxCount = 100'000;

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> found;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find_first_of(" ,", at), text.size());
    if (end > at) found.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return found;
}

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : " ") + part;
  return text;
}

std::string set_path(std::string& out, const std::string& text) {
  if (!text.empty() && text.front() != '/') return "expected an absolute path";
  out = text;
  return {};
}

std::string set_url(Config& config, std::string url) {
  while (url.ends_with('/')) url.pop_back();
  const auto path = url.find('/', std::min(url.find("://"), url.size() - 1) + 3);
  if (auto problem = origin_problem(url.substr(0, path)); !problem.empty()) return problem;
  config.site.url = url;
  return {};
}

std::string set_origins(Config& config, const std::string& text) {
  const auto origins = words(text);
  for (const auto& origin : origins)
    if (auto problem = origin_problem(origin); !problem.empty()) return problem;
  config.site.origins = origins;
  return {};
}

constexpr ConfigEntry<Config> kEntries[] = {
    {"log.level",
     [](Config& c, const std::string& t) { return set_word(c.log.level, t, kLogLevels); },
     [](const Config& c) { return get_word(c.log.level, kLogLevels); }},
    {"log.target",
     [](Config& c, const std::string& t) { return set_word(c.log.target, t, kLogTargets); },
     [](const Config& c) { return get_word(c.log.target, kLogTargets); }},
    {"site.url", [](Config& c, const std::string& t) { return set_url(c, t); },
     [](const Config& c) { return c.site.url; }},
    {"site.origins", set_origins, [](const Config& c) { return join(c.site.origins); }},
    {"site.folder", [](Config& c, const std::string& t) { return set_path(c.site.folder, t); },
     [](const Config& c) { return c.site.folder; }},
    {"daemon.socket", [](Config& c, const std::string& t) { return set_path(c.daemon.socket, t); },
     [](const Config& c) { return c.daemon.socket; }},
    {"access.ticket",
     [](Config& c, const std::string& t) {
       return set_duration(c.access.ticket, t, std::chrono::seconds(1), kDay);
     },
     [](const Config& c) { return format_duration(c.access.ticket); }},
    {"access.browser",
     [](Config& c, const std::string& t) {
       return set_duration(c.access.browser, t, std::chrono::seconds(1), 30 * kDay);
     },
     [](const Config& c) { return format_duration(c.access.browser); }},
    {"access.folder", [](Config& c, const std::string& t) { return set_path(c.access.folder, t); },
     [](const Config& c) { return c.access.folder; }},
    {"limits.connections",
     [](Config& c, const std::string& t) {
       return set_count(c.limits.connections, t, 1, kMaxCount);
     },
     [](const Config& c) { return std::to_string(c.limits.connections); }},
    {"limits.websockets",
     [](Config& c, const std::string& t) {
       return set_count(c.limits.websockets, t, 1, kMaxCount);
     },
     [](const Config& c) { return std::to_string(c.limits.websockets); }},
    {"limits.requests_per_second",
     [](Config& c, const std::string& t) {
       return set_count(c.limits.requests_per_second, t, 1, kMaxCount);
     },
     [](const Config& c) { return std::to_string(c.limits.requests_per_second); }},
};

}  // namespace

std::string origin_problem(const std::string& origin) {
  std::string expected = "expected a URL such as https://host.example or " +
                         std::string(kDefaultUrl) + " in lower case";
  std::string_view rest = origin;
  std::uint16_t usual_port = 0;
  if (rest.starts_with("https://")) usual_port = 443;
  if (rest.starts_with("http://")) usual_port = 80;
  if (usual_port == 0) return expected;
  rest.remove_prefix(rest.find("://") + 3);
  const auto colon = rest.rfind(':');
  const bool has_port = colon != std::string_view::npos && !rest.ends_with(']');
  const auto host = rest.substr(0, has_port ? colon : rest.size());
  constexpr char kHostCharacters[] = "abcdefghijklmnopqrstuvwxyz0123456789.-[]:";
  if (host.empty() || host.find_first_not_of(kHostCharacters) != std::string_view::npos)
    return expected;
  if (!has_port) return {};
  const auto port = rest.substr(colon + 1);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number == 0) return expected;
  if (number == usual_port) return "expected no port where it is the usual one, as in browsers";
  return {};
}

const ConfigTable<Config>& config_table() {
  static constexpr ConfigTable<Config> kTable(kEntries, "PTYD_WEB_");
  return kTable;
}

std::string find_config(const Environment& environment) {
  const auto text = [&](const char* name) {
    const char* value = environment(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (auto chosen = text("PTYD_WEB_CONFIG"); !chosen.empty()) return chosen;
  auto folder = text("XDG_CONFIG_HOME");
  if (folder.empty() && !text("HOME").empty()) folder = text("HOME") + "/.config";
  if (!folder.empty() && ::geteuid() != 0) {
    auto own = folder + "/ptyd/ptyd-web.yaml";
    if (::access(own.c_str(), F_OK) == 0) return own;
  }
  return kMachineConfig;
}

}  // namespace ptyd::web
