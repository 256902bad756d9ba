// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <optional>

#include "common/text.hpp"
#include "ctl/block.hpp"
#include "ctl/cli.hpp"
#include "ctl/connection.hpp"
#include "ctl/drain.hpp"
#include "ctl/event_text.hpp"
#include "ctl/queue.hpp"
#include "ctl/reconnect.hpp"
#include "ctl/relative_time.hpp"
#include "ctl/session_view.hpp"

namespace ptyd {
namespace {

std::string health_block(const Json& health) {
  const auto text = [&](const char* key) { return printable(text_of(health, key)); };
  const auto number = [&](const char* key) { return std::to_string(number_of(health, key)); };
  const bool good = text_of(health, "status") == "ok";
  const auto started = time_of(health, "startedAt");
  const auto memory = std::max<std::int64_t>(number_of(health, "memoryUsage"), 0);
  Block block;
  block.add("Status", styled(text("status"), good ? Style::kGood : Style::kBad));
  block.add("State", text("state"));
  block.add("Version", text("version"));
  block.add("PID", number("pid"));
  block.add("Instance", text("instanceId"));
  block.add("Started", (started ? local_time(*started) : "unknown") + "; up " +
                           elapsed(std::chrono::seconds(number_of(health, "uptime"))));
  block.add("Sessions",
            number("activeSessions") + " alive, " + number("totalSessions") + " in all");
  block.add("Clients", number("clients"));
  block.add("Queued", number("queued"));
  block.add("Store",
            styled(text("store"), text_of(health, "store") == "ok" ? Style::kPlain : Style::kBad));
  block.add("Memory", format_size(static_cast<std::uint64_t>(memory)));
  block.add("Socket", text("socket"));
  return block.text();
}

int run_health(const GlobalOptions& options) {
  return with_connection(options, [&](Connection& connection) {
    const auto reply = connection.call({"health"});
    if (reply.failure) {
      print_error(reply.failure->message);
      return kFailed;
    }
    return options.json != JsonMode::kOff ? print_json(reply.result, options.json)
                                          : print(health_block(reply.result));
  });
}

int run_metrics(const GlobalOptions& options) {
  return with_connection(options, [&](Connection& connection) {
    std::string text;
    Connection::Request request{"metrics"};
    request.on_item = [&text](const Json&, std::span<const std::uint8_t> body) {
      text += as_text(body);
    };
    if (const auto reply = connection.call(request); reply.failure) {
      print_error(reply.failure->message);
      return kFailed;
    }
    return print(text);
  });
}

// Until nobody reads it or the daemon is lost; the exit status, or nothing for the latter. A daemon
// that was stopped is not lost: connecting again could start it again.
std::optional<int> monitor(const GlobalOptions& options, Connection& connection) {
  int status = kSucceeded;
  bool leave = false;
  bool stopped = false;
  connection.set_on_event([&](const Json& event) {
    status = options.json != JsonMode::kOff ? print_json(event, options.json)
                                            : print(event_line(event) + "\n");
    leave = status != kSucceeded || reader_left();
    stopped |= text_of(event, "type") == "server.shutdown";
  });
  const auto reply = connection.call({"monitor"});
  if (reply.failure && reply.failure->code != kConnectionLost) {
    print_error(reply.failure->message);
    return kFailed;
  }
  if (!reply.failure && connection.run_until([&leave] { return leave; })) return status;
  if (!stopped) return std::nullopt;
  print_error("the daemon closed the connection");
  return kFailed;
}

int run_monitor(const GlobalOptions& options) {
  const auto path = find_socket(options);
  if (!path) return kFailed;
  EventLoop loop;
  std::string problem;
  auto connection = Connection::open(loop, *path, problem);
  while (connection) {
    if (const auto status = monitor(options, *connection)) return *status;
    if (problem = connection->why_lost(); !problem.empty()) break;
    print_error_hint("[the daemon closed the connection, waiting for the next one]");
    connection = reconnect(loop, *path, problem);
    if (connection) print_error_hint("[connected again]");
  }
  print_error(problem);
  return kFailed;
}

}  // namespace

void add_daemon_verbs(CLI::App& app, Cli& cli) {
  add_drain(app, cli);
  add_queue(app, cli);
  app.add_subcommand("health", "Show how the daemon is")->callback([&cli] {
    cli.action = [&cli] { return run_health(cli.options); };
  });
  app.add_subcommand("metrics", "Print counters and gauges for a monitoring system")
      ->callback([&cli] { cli.action = [&cli] { return run_metrics(cli.options); }; });
  app.add_subcommand("monitor", "Show what happens, as it happens")->callback([&cli] {
    cli.action = [&cli] { return run_monitor(cli.options); };
  });
}

}  // namespace ptyd
