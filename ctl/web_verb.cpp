// SPDX-License-Identifier: LGPL-2.1-or-later
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "common/program_files.hpp"
#include "ctl/cli.hpp"

namespace ptyd {
namespace {

struct WebOptions {
  bool read_only = false, token = false, list = false;
  std::string session, expires, url, revoke;
};

// The gateway's own program knows its addresses and tickets, so that ptyctl need not.
int run_web(const GlobalOptions& global, const WebOptions& options) {
  const auto program = find_web_program();
  if (program.empty()) {
    print_error("the web gateway is not installed; on Debian it is the package ptyd-web");
    return kFailed;
  }
  std::vector<std::string> words{"ptyd-web", "ticket"};
  if (options.read_only) words.emplace_back("--read-only");
  if (options.token) words.emplace_back("--token");
  if (options.list) words.emplace_back("--list");
  if (global.json != JsonMode::kOff) words.emplace_back("--json");
  for (const auto& [name, value] :
       {std::pair("--session=", &options.session), std::pair("--expires=", &options.expires),
        std::pair("--url=", &options.url), std::pair("--revoke=", &options.revoke)})
    if (!value->empty()) words.push_back(name + *value);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv(program.c_str(), arguments.data());
  print_error(program + ": " + std::generic_category().message(errno));
  return kFailed;
}

}  // namespace

void add_web_verb(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<WebOptions>();
  auto* verb = app.add_subcommand("web", "Print an address that opens the sessions in a browser");
  verb->add_flag("--read-only", options->read_only, "It may only look");
  verb->add_option("--session", options->session, "It may see this session alone")
      ->type_name("SESSION");
  verb->add_option("--expires", options->expires,
                   "For how long the address is good: 10min; with --token, the token")
      ->type_name("TIME");
  verb->add_option("--url", options->url, "Where the gateway is, if not as configured")
      ->type_name("URL");
  auto* token = verb->add_flag("--token", options->token,
                               "Print a token for programs (Authorization: Bearer) instead");
  auto* list = verb->add_flag("--list", options->list,
                              "List the addresses, browsers and tokens that are still good");
  verb->add_option("--revoke", options->revoke, "Revoke one of these by its ID, or all")
      ->type_name("ID")
      ->excludes(list)
      ->excludes(token);
  list->excludes(token);
  verb->callback(
      [options, &cli] { cli.action = [options, &cli] { return run_web(cli.options, *options); }; });
}

}  // namespace ptyd
