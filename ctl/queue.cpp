// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/queue.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "common/session_name.hpp"
#include "common/text.hpp"
#include "ctl/connection.hpp"
#include "ctl/relative_time.hpp"
#include "ctl/session_view.hpp"
#include "ctl/table.hpp"

namespace ptyd {
namespace {

int report(const Failure& failure) {
  print_error(failure.message);
  return kFailed;
}

int list_queue(Connection& connection, const GlobalOptions& options) {
  Json items = Json::array();
  Connection::Request request{"queue"};
  request.on_item = [&items](const Json& item, std::span<const std::uint8_t>) {
    items.push_back(item);
  };
  if (const auto reply = connection.call(request); reply.failure) return report(*reply.failure);
  if (options.json != JsonMode::kOff) return print_json(items, options.json);
  if (items.empty()) return options.quiet ? kSucceeded : print("The queue is empty.\n");
  return print(queue_table(items, output_width()));
}

int remove_queued(Connection& connection, const GlobalOptions& options, const std::string& id) {
  const auto reply = connection.call({"queue.remove", {{"id", id}}});
  if (reply.failure) return report(*reply.failure);
  if (options.json != JsonMode::kOff) return print_json(reply.result, options.json);
  return options.quiet ? kSucceeded : print("Withdrawn.\n");
}

std::string id_problem(const std::string& id) {
  return is_session_id(id) ? std::string()
                           : "'" + printable(id) + "' is no id, 'ptyctl queue' shows them";
}

}  // namespace

std::string queue_table(const Json& items, std::size_t width) {
  const bool some_failed = std::any_of(items.begin(), items.end(), [](const Json& item) {
    return !text_of(item, "reason").empty();
  });
  // The command last: that is what is cut short.
  std::vector<std::string> headings{"ID", "NAME", "USER", "STATE", "QUEUED", "COMMAND"};
  if (some_failed) headings.insert(headings.end() - 1, "REASON");
  Table table(headings);
  const auto now = std::chrono::system_clock::now();
  for (const auto& item : items) {
    const SessionView entry(item);
    const auto queued_at = time_of(item, "queuedAt");
    const auto reason = text_of(item, "reason");
    std::vector<std::string> cells{entry.id,
                                   entry.name,
                                   entry.user,
                                   entry.state,
                                   queued_at ? relative_time(*queued_at, now) : "-",
                                   shell_quoted(entry.command)};
    if (some_failed) cells.insert(cells.end() - 1, reason.empty() ? "-" : reason);
    table.add_row(std::move(cells), entry.state == "failed" ? Style::kBad : Style::kPlain, 3);
  }
  return table.layout(width);
}

void add_queue(CLI::App& app, Cli& cli) {
  auto id = std::make_shared<std::string>();
  auto* verb =
      app.add_subcommand("queue", "List requests for sessions that wait for the end of a drain");
  verb->footer(
      "Those that were started or failed are shown for a week, the last 100 of each user.");
  verb->add_option("--remove", *id, "Withdraw a request that is pending")
      ->type_name("ID")
      ->check(id_problem);
  verb->callback([&cli, id] {
    cli.action = [&cli, id] {
      return with_connection(cli.options, [&](Connection& connection) {
        return id->empty() ? list_queue(connection, cli.options)
                           : remove_queued(connection, cli.options, *id);
      });
    };
  });
}

}  // namespace ptyd
