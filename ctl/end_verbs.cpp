// SPDX-License-Identifier: LGPL-2.1-or-later
#include <signal.h>

#include <algorithm>
#include <memory>

#include "common/text.hpp"
#include "ctl/cli.hpp"
#include "ctl/connection.hpp"
#include "ctl/reconnect.hpp"
#include "ctl/session_view.hpp"

namespace ptyd {
namespace {

// The daemon takes 64 unanswered requests of one connection.
constexpr std::size_t kMaxAtOnce = 32;
constexpr auto kAsLongAsItTakes = Clock::duration::zero();

int run_wait(const GlobalOptions& global, const std::string& name) {
  int status = kFailed;
  const int called =
      call_until_answered(global, {"wait"}, {name}, [&](const std::string&, const Reply& reply) {
        if (reply.failure) return print_error(reply.failure->message);
        const SessionView session(reply.result);
        if (global.json != JsonMode::kOff)
          if (status = print_json(reply.result, global.json); status != kSucceeded) return;
        status = session.shell_status().value_or(kFailed);
        if (!session.shell_status())
          print_error("session " + session.name + " " + session.how_it_ended());
      });
  return called == kSucceeded ? status : called;
}

int run_terminate(const GlobalOptions& global, const std::vector<std::string>& sessions) {
  int status = kSucceeded;
  const int called = call_until_answered(global, {"terminate", {{"fields", {"id"}}}}, sessions,
                                         [&](const std::string& session, const Reply& reply) {
                                           if (!reply.failure) return;
                                           print_error(session + ": " + reply.failure->message);
                                           status = kFailed;
                                         });
  return called == kSucceeded ? status : called;
}

// Makes the same request of several sessions, some at once. One line for each that fails.
int call_for_each(Connection& connection, const std::string& method, const Json& params,
                  const std::vector<std::string>& sessions) {
  int status = kSucceeded;
  std::size_t begun = 0, answered = 0;
  while (answered < sessions.size()) {
    while (begun < sessions.size() && begun - answered < kMaxAtOnce) {
      const auto& session = sessions[begun++];
      Connection::Request request{method, params};
      request.params["session"] = session;
      connection.begin_call(request, [&, session](const Reply& reply) {
        ++answered;
        if (!reply.failure) return;
        print_error(session + ": " + reply.failure->message);
        status = kFailed;
      });
    }
    connection.loop().run_once(std::chrono::milliseconds(-1));
  }
  return status;
}

int run_for_each(const GlobalOptions& global, const std::string& method, const Json& params,
                 const std::vector<std::string>& sessions) {
  return with_connection(global, [&](Connection& connection) {
    return call_for_each(connection, method, params, sessions);
  });
}

int run_restart(const GlobalOptions& global, const std::string& session) {
  return with_connection(global, [&](Connection& connection) {
    Connection::Request request{"restart", {{"session", session}}};
    request.patience = kAsLongAsItTakes;
    const auto reply = connection.call(request);
    if (reply.failure) {
      print_error(reply.failure->message);
      return kFailed;
    }
    return global.json == JsonMode::kOff ? kSucceeded : print_json(reply.result, global.json);
  });
}

void add_wait(CLI::App& app, Cli& cli) {
  auto session = std::make_shared<std::string>();
  auto* verb = app.add_subcommand("wait", "Wait for a session's end");
  verb->footer("The exit status is the command's, or 128 + the signal that killed it.");
  add_session_argument(*verb, *session);
  verb->callback([&cli, session] {
    cli.action = [&cli, session] { return run_wait(cli.options, *session); };
  });
}

void add_terminate(CLI::App& app, Cli& cli) {
  auto sessions = std::make_shared<std::vector<std::string>>();
  auto* verb = app.add_subcommand("terminate", "End sessions in order, and wait for it");
  add_sessions_argument(*verb, *sessions);
  verb->callback([&cli, sessions] {
    cli.action = [&cli, sessions] { return run_terminate(cli.options, *sessions); };
  });
}

void add_kill(CLI::App& app, Cli& cli) {
  struct KillOptions {
    std::vector<std::string> sessions;
    std::string signal = "SIGTERM";
  };
  auto options = std::make_shared<KillOptions>();
  auto* verb = app.add_subcommand("kill", "Send a signal to all processes of sessions");
  add_sessions_argument(*verb, options->sessions);
  verb->add_option("-s,--signal", options->signal, "Name or number; by default SIGTERM")
      ->type_name("SIGNAL")
      ->check([](const std::string& text) {
        return parse_signal(text)
                   ? std::string()
                   : "'" + printable(text) + "' is no signal, give one such as SIGINT, INT or 2";
      });
  verb->callback([&cli, options] {
    cli.action = [&cli, options] {
      const auto signal = parse_signal(options->signal).value_or(SIGTERM);
      return run_for_each(cli.options, "kill", {{"signal", signal}}, options->sessions);
    };
  });
}

void add_restart(CLI::App& app, Cli& cli) {
  auto session = std::make_shared<std::string>();
  auto* verb = app.add_subcommand("restart", "Run a session's command again, ending it if it runs");
  add_session_argument(*verb, *session);
  verb->callback([&cli, session] {
    cli.action = [&cli, session] { return run_restart(cli.options, *session); };
  });
}

}  // namespace

void add_end_verbs(CLI::App& app, Cli& cli) {
  add_wait(app, cli);
  add_terminate(app, cli);
  add_kill(app, cli);
  add_restart(app, cli);
}

}  // namespace ptyd
