// SPDX-License-Identifier: LGPL-2.1-or-later
#include <unistd.h>

#include <memory>

#include "common/environment.hpp"
#include "common/text.hpp"
#include "ctl/attach.hpp"
#include "ctl/cli.hpp"
#include "ctl/connection.hpp"
#include "ctl/create_options.hpp"
#include "ctl/session_view.hpp"
#include "ctl/terminal.hpp"

namespace ptyd {
namespace {

// A daemon that is being restarted is followed by another at once. Until it has gone it answers
// so, and who connects meanwhile waits; see Connection::open().
constexpr auto kRestartPatience = std::chrono::seconds(10);
constexpr int kAgain = -1;

struct NewOptions {
  CreateOptions create;
  bool detach = false;
  std::vector<std::string> stray;  // words that belong behind "--"
};

// A command may have ended before anyone could attach: shows what there was to see.
int show_ended(Connection& connection, const std::string& id) {
  int status = kSucceeded;
  Connection::Request capture{"capture", {{"session", id}}};
  capture.on_item = [&status](const Json&, std::span<const std::uint8_t> body) {
    if (status == kSucceeded) status = print(body);
  };
  if (const auto reply = connection.call(capture); reply.failure) return kFailed;
  const auto ended = connection.call({"status", {{"session", id}}});
  if (ended.failure) return kFailed;
  const SessionView session(ended.result);
  print_error_hint("[" + session.name + " " + session.how_it_ended() + "]");
  return session.shell_status().value_or(kFailed);
}

int run_new(const GlobalOptions& global, const NewOptions& options) {
  const bool interactive = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  const bool attach_it = interactive && !options.detach;
  const auto size = attach_it ? terminal_size(STDOUT_FILENO) : std::nullopt;
  const auto deadline = Clock::now() + kRestartPatience;
  const auto attempt = [&](Connection& connection) {
    const auto created = connection.call({"create", create_params(options.create, size)});
    if (created.failure) {
      if (created.failure->code == to_string(ErrorCode::kRestarting) && Clock::now() < deadline)
        return kAgain;
      print_error(created.failure->message);
      return kFailed;
    }
    const SessionView session(created.result);
    if (session.state == "queued") {  // by a daemon that drains: there is nothing to attach to yet
      if (global.json != JsonMode::kOff) return print_json(created.result, global.json);
      return global.quiet ? print(printable(session.id) + "\n")
                          : print("Queued as " + printable(session.id) + ", session " +
                                  printable(session.name) + " starts when ptyd runs again.\n");
    }
    if (!attach_it) {
      if (global.json != JsonMode::kOff) return print_json(created.result, global.json);
      return print(printable(session.name) + "\n");
    }
    AttachOptions own{.session = session.id, .restore = "tail"};  // all of it: it is new
    if (connection.trusted()) own.owner = static_cast<uid_t>(session.uid);
    const auto outcome = attach(connection, own);
    if (!outcome.refused) return outcome.exit_status;
    if (outcome.refused->code == to_string(ErrorCode::kNotRunning))
      return with_connection(global, [&](Connection& c) { return show_ended(c, session.id); });
    print_error(outcome.refused->message);
    return kFailed;
  };
  int status = kAgain;
  while (status == kAgain) status = with_connection(global, attempt);
  return status;
}

// What the daemon says of the session, for attach().
std::optional<AttachOptions> look_up(Connection& connection, AttachOptions options) {
  const auto reply = connection.call({"status", {{"session", options.session}}});
  if (reply.failure) {
    print_error(reply.failure->message);
    return std::nullopt;
  }
  const SessionView session(reply.result);
  // Showing a session inside itself would feed its output to its output.
  if (environment_variable("PTYD_SESSION_ID") == session.id) {
    print_error("this is session " + options.session + " itself, it cannot be shown inside it");
    return std::nullopt;
  }
  options.session = session.id;
  if (connection.trusted()) options.owner = static_cast<uid_t>(session.uid);
  return options;
}

int run_attach(const GlobalOptions& global, const AttachOptions& asked) {
  return with_connection(global, [&](Connection& connection) {
    const auto options = look_up(connection, asked);
    if (!options) return kFailed;
    const auto outcome = attach(connection, *options);
    if (!outcome.refused) return outcome.exit_status;
    print_error(outcome.refused->message);
    return kFailed;
  });
}

int run_detach(const GlobalOptions& global, const std::string& session) {
  return with_connection(global, [&](Connection& connection) {
    const auto reply = connection.call({"detach", {{"session", session}}});
    if (reply.failure) {
      print_error(reply.failure->message);
      return kFailed;
    }
    if (global.json != JsonMode::kOff) return print_json(reply.result, global.json);
    if (global.quiet) return kSucceeded;
    const auto count = number_of(reply.result, "detached");
    return print("Detached " + std::to_string(count) + (count == 1 ? " client.\n" : " clients.\n"));
  });
}

void add_new(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<NewOptions>();
  auto& create = options->create;
  auto* verb = app.add_subcommand("new", "Create a session and attach to it");
  verb->footer("The command and its arguments follow --. Without one, it is your login shell.");
  verb->add_option("name", create.name, "Name of the session; by default its command's")
      ->type_name("NAME")
      ->check(new_name_problem);
  verb->add_flag("-d,--detach", options->detach, "Do not attach, print the session's name");
  add_session_options(*verb, create);
  verb->add_option("--on-drain", create.on_drain,
                   "When the daemon drains: wait for it or terminate it")
      ->type_name("wait|terminate")
      ->check(CLI::IsMember({"wait", "terminate"}));
  verb->add_flag("--queue", create.queue, "If the daemon drains, start it when that is over");
  verb->add_option("stray", options->stray)->group("");
  verb->callback([&cli, options] {
    auto& request = options->create;
    if (!options->stray.empty())
      throw_usage("put -- before the command: ptyctl new " + request.name + " -- " +
                  shell_quoted(options->stray));
    if (cli.literal && cli.literal->empty()) throw_usage("there is no command after --");
    cli.literal_used = true;
    request.command = cli.literal.value_or(std::vector<std::string>());
    if (const auto problem = command_problem(request); !problem.empty()) throw_usage(problem);
    cli.action = [&cli, options] { return run_new(cli.options, *options); };
  });
}

void add_attach(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<AttachOptions>();
  auto* verb = app.add_subcommand("attach", "Join this terminal to a session");
  verb->footer(
      "^] three times within one second detaches. The exit status is the command's if it ends\n"
      "meanwhile (128 + the signal that killed it), else 0.\n"
      "Without a terminal, standard input is typed into the session as it is; after its end the\n"
      "output is still shown until the session ends.");
  add_session_argument(*verb, options->session);
  verb->add_flag("--read-only", options->read_only, "Only watch");
  verb->add_flag("--steal", options->steal, "Detach all other clients");
  auto* restore = verb->add_option("--restore", options->restore,
                                   "Show the screen as it is, the last output or nothing of it")
                      ->type_name("screen|tail|none")
                      ->check(CLI::IsMember({"screen", "tail", "none"}));
  verb->add_flag_callback(
          "--no-restore", [options] { options->restore = "none"; }, "The same as --restore=none")
      ->excludes(restore);
  verb->callback([&cli, options] {
    cli.action = [&cli, options] { return run_attach(cli.options, *options); };
  });
}

void add_detach(CLI::App& app, Cli& cli) {
  auto session = std::make_shared<std::string>();
  auto* verb = app.add_subcommand("detach", "Detach all clients of a session");
  add_session_argument(*verb, *session);
  verb->callback([&cli, session] {
    cli.action = [&cli, session] { return run_detach(cli.options, *session); };
  });
}

}  // namespace

void add_session_verbs(CLI::App& app, Cli& cli) {
  add_new(app, cli);
  add_attach(app, cli);
  add_detach(app, cli);
}

}  // namespace ptyd
