// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/cli.hpp"

#include <algorithm>
#include <map>

#include "common/event_loop.hpp"
#include "common/session_name.hpp"
#include "common/socket_choice.hpp"
#include "common/text.hpp"
#include "common/version.hpp"
#include "ctl/connection.hpp"
#include "ctl/create_options.hpp"

namespace ptyd {
namespace {

constexpr char kFooter[] =
    "Without a verb, ptyctl lists the sessions. SESSION is a name, an id, or, for root, "
    "user/name.\n"
    "Detach from a session with ^] three times within one second.";

void add_global_options(CLI::App& app, Cli& cli) {
  auto& options = cli.options;
  app.add_option("--socket", options.socket, "The daemon's socket")->type_name("PATH");
  auto* user = app.add_flag("--user", options.user, "Talk to the user's own daemon");
  app.add_flag("--system", options.system, "Talk to the system's daemon")->excludes(user);
  static const std::map<std::string, JsonMode> kModes{
      {"pretty", JsonMode::kPretty}, {"short", JsonMode::kShort}, {"off", JsonMode::kOff}};
  app.add_option_function<std::string>(
         "--json", [&options](const std::string& text) { options.json = kModes.at(text); },
         "Print JSON: pretty, short or off")
      ->type_name("MODE")
      ->check([](const std::string& text) {
        return kModes.contains(text) ? std::string()
                                     : "'" + printable(text) + "' is not pretty, short or off";
      });
  app.add_flag("--no-pager", options.no_pager, "Do not pipe long output into a pager");
  app.add_flag("-q,--quiet", options.quiet, "Print no hints and footers");
  app.set_version_flag("--version", version_text("ptyctl"));
  app.set_help_flag("-h,--help", "Print this help");
}

int report_usage(const std::string& message) {
  print_error(message);
  print_error_hint("Try 'ptyctl --help'");
  return kBadUsage;
}

// Takes "--" and what follows out of `words`.
std::optional<std::vector<std::string>> take_literal(std::vector<std::string>& words) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  if (dashes == words.end()) return std::nullopt;
  std::vector<std::string> literal(dashes + 1, words.end());
  words.erase(dashes, words.end());
  return literal;
}

constexpr char kGuard = '\x1f';

// The text of `send`, see unguarded().
void guard_text(std::vector<std::string>& words) {
  auto word = std::find(words.begin(), words.end(), "send");
  for (; word != words.end(); ++word)
    if (word->starts_with('[') || word->starts_with('{')) word->insert(0, 1, kGuard);
}

}  // namespace

std::string unguarded(std::string word) {
  if (word.starts_with(kGuard)) word.erase(0, 1);
  return word;
}

std::string new_name_problem(const std::string& name) { return session_name_problem(name); }

std::string session_problem(const std::string& session) {
  const auto slash = session.find('/');
  if (slash == 0) return "'" + printable(session) + "' has no user before the slash";
  const auto name = slash == std::string::npos ? session : session.substr(slash + 1);
  return is_session_id(name) ? std::string() : session_name_problem(name);
}

CLI::Option* add_session_argument(CLI::App& verb, std::string& session) {
  return verb.add_option("session", session, "Name or id of the session")
      ->type_name("SESSION")
      ->required()
      ->check(session_problem);
}

CLI::Option* add_sessions_argument(CLI::App& verb, std::vector<std::string>& sessions) {
  return verb.add_option("session", sessions, "Names or ids of sessions")
      ->type_name("SESSION")
      ->required()
      ->check(session_problem);
}

void add_session_options(CLI::App& verb, CreateOptions& options) {
  verb.add_option("--size", options.size, "Size of the terminal")
      ->type_name("ROWSxCOLUMNS")
      ->check(size_problem);
  verb.add_option("--cwd", options.cwd, "Folder to run in; by default this one")->type_name("PATH");
  verb.add_option("--env", options.environment, "Set a variable, or pass on one that is set here")
      ->type_name("NAME[=VALUE]")
      ->allow_extra_args(false)
      ->check(environment_problem);
  verb.add_option("--stop-input", options.stop_input,
                  "Line to type when the session is to end; C escapes")
      ->type_name("TEXT")
      ->check(stop_input_problem);
  verb.add_option("--stop-timeout", options.stop_timeout, "From asking it to end to SIGKILL")
      ->type_name("TIME")
      ->check(stop_timeout_problem);
  verb.add_option("--scrollback", options.scrollback, "How much output to keep")
      ->type_name("SIZE")
      ->check(scrollback_problem);
}

void throw_usage(const std::string& message) {
  throw CLI::ParseError(message, CLI::ExitCodes::ValidationError);
}

std::optional<std::string> find_socket(const GlobalOptions& options) {
  std::string problem;
  auto path = choose_socket(options.socket, options.user, options.system, problem);
  if (!path) print_error(problem);
  return path;
}

int with_connection(const GlobalOptions& options, const std::function<int(Connection&)>& work) {
  const auto path = find_socket(options);
  if (!path) return kFailed;
  std::string problem;
  EventLoop loop;
  const auto connection = Connection::open(loop, *path, problem);
  if (!connection) {
    print_error(problem);
    return kFailed;
  }
  return work(*connection);
}

int run_ptyctl(std::vector<std::string> words) {
  Cli cli;
  cli.literal = take_literal(words);
  CLI::App app("Terminal sessions that outlive your connection", "ptyctl");
  app.footer(kFooter);
  // At most one, also so that a session may have the name of a verb.
  app.require_subcommand(0, 1);
  // Global options also after the verb.
  app.fallthrough();
  add_global_options(app, cli);
  add_session_verbs(app, cli);
  add_run_verb(app, cli);
  add_list_verbs(app, cli);
  add_text_verbs(app, cli);
  add_end_verbs(app, cli);
  add_daemon_verbs(app, cli);
  add_web_verb(app, cli);
  try {
    guard_text(words);
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    app.parse(std::move(words));
    if (cli.literal && !cli.literal_used) throw_usage("nothing may follow '--' here");
  } catch (const CLI::ParseError& error) {
    // --help and --version are exceptions too.
    if (error.get_exit_code() == 0) return app.exit(error);
    return report_usage(error.what());
  }
  if (cli.action) return cli.action();
  return list_sessions(cli.options);
}

}  // namespace ptyd
