// SPDX-License-Identifier: LGPL-2.1-or-later
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <tuple>

#include "common/text.hpp"
#include "ctl/block.hpp"
#include "ctl/cli.hpp"
#include "ctl/connection.hpp"
#include "ctl/relative_time.hpp"
#include "ctl/session_view.hpp"
#include "ctl/table.hpp"
#include "ctl/terminal_text.hpp"

namespace ptyd {
namespace {

constexpr int kNotRunning = 3;  // exit status of `status`, as systemctl's
constexpr std::size_t kStatusLines = 10;
// What a list shows, or is sorted by: of thousands of sessions, the rest is not worth its sending.
constexpr std::array kListed = {"name",      "user",         "uid",     "state",
                                "command",   "pid",          "clients", "createdAt",
                                "startedAt", "lastActivity", "endedAt"};

std::string counted(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string number_or_dash(std::int64_t number) {
  return number == 0 ? "-" : std::to_string(number);
}

std::string idle_time(const SessionView& session, WallTime now) {
  if (session.has_ended() || !session.last_activity) return "-";
  const auto idle = std::chrono::floor<std::chrono::seconds>(now - *session.last_activity);
  return elapsed(std::max(idle, std::chrono::seconds(0)));
}

std::string session_table(std::vector<SessionView> sessions, std::size_t width) {
  std::set<std::int64_t> users;
  for (const auto& session : sessions) users.insert(session.uid);
  const bool show_users = ::geteuid() == 0 && users.size() > 1;
  std::sort(sessions.begin(), sessions.end(), [](const auto& a, const auto& b) {
    return std::tie(a.user, a.name) < std::tie(b.user, b.name);
  });
  std::vector<std::string> headings{"NAME", "STATE", "SINCE", "IDLE", "CLIENTS", "PID", "COMMAND"};
  if (show_users) headings.insert(headings.begin() + 1, "USER");
  Table table(headings);
  const auto now = std::chrono::system_clock::now();
  for (const auto& session : sessions) {
    const auto since = session.since();
    std::vector<std::string> cells{session.name,
                                   session.state,
                                   since ? relative_time(*since, now) : "-",
                                   idle_time(session, now),
                                   number_or_dash(session.clients),
                                   number_or_dash(session.pid),
                                   shell_quoted(session.command)};
    if (show_users) cells.insert(cells.begin() + 1, session.user);
    table.add_row(std::move(cells), session.style(), show_users ? 2 : 1);
  }
  return table.layout(width);
}

std::string time_and_age(const std::optional<WallTime>& time, WallTime now) {
  return time ? local_time(*time) + "; " + relative_time(*time, now) : "unknown";
}

std::string size_of(std::int64_t bytes) {
  return format_size(static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 0)));
}

std::string status_block(const SessionView& session) {
  const auto now = std::chrono::system_clock::now();
  Block block;
  block.add("Session", printable(session.id));
  block.add("Owner", printable(session.user) + " (" + std::to_string(session.uid) + ")");
  block.add("State", styled(printable(session.state), session.style()) + " since " +
                         time_and_age(session.since(), now));
  if (session.has_ended()) block.add("Ended", printable(session.how_it_ended()));
  block.add("Command", shell_quoted(session.command));
  block.add("Folder", printable(session.cwd));
  if (session.pid != 0)
    block.add("PID", std::to_string(session.pid) + " (session host " +
                         number_or_dash(session.host_pid) + ")");
  if (!session.unit.empty() && !session.has_ended()) block.add("Unit", printable(session.unit));
  if (session.supervised) block.add("Service", "of a unit of its own; systemctl restarts it");
  if (!session.terminal.empty() && !session.has_ended())
    block.add("Terminal", printable(session.terminal) + ", " + std::to_string(session.rows) + "x" +
                              std::to_string(session.columns));
  if (!session.has_ended()) block.add("Clients", std::to_string(session.clients));
  block.add("Activity",
            session.last_activity ? relative_time(*session.last_activity, now) : "none yet");
  block.add("Output", size_of(session.output_bytes) + ", the last " +
                          size_of(session.scrollback_bytes) + " are kept");
  std::string stop = format_duration(std::chrono::milliseconds(session.stop_timeout_ms));
  if (!session.stop_input.empty())
    stop +=
        ", typing " +
        shell_quoted({session.stop_input.substr(0, session.stop_input.find_last_not_of('\n') + 1)});
  block.add("Stop within", stop);
  if (session.on_drain == "terminate") block.add("In a drain", "ended at once");
  return bullet(session.style()) + " " + printable(session.name) + "\n" + block.text();
}

std::string last_lines(Connection& connection, const std::string& session) {
  Bytes output;
  Connection::Request request{"capture", {{"session", session}, {"lines", kStatusLines}}};
  request.on_item = [&output](const Json&, std::span<const std::uint8_t> body) {
    output.insert(output.end(), body.begin(), body.end());
  };
  if (connection.call(request).failure) return {};  // the rest of the status is worth showing
  const auto lines = plain_lines(output);
  const auto skipped = lines.size() - std::min(lines.size(), kStatusLines);
  const auto width = output_width();
  std::string text;
  for (auto i = skipped; i < lines.size(); ++i)
    text += (width > 0 ? ellipsized(lines[i], width) : lines[i]) + "\n";
  return text.empty() ? text : "\n" + text;
}

int run_status(const GlobalOptions& options, const std::string& name) {
  return with_connection(options, [&](Connection& connection) {
    const auto reply = connection.call({"status", {{"session", name}}});
    if (reply.failure) {
      print_error(reply.failure->message);
      return kFailed;
    }
    const SessionView session(reply.result);
    const int shown =
        options.json != JsonMode::kOff
            ? print_json(reply.result, options.json)
            : print_paged(status_block(session) + last_lines(connection, name), options.no_pager);
    if (shown != kSucceeded) return shown;
    return session.has_ended() ? kNotRunning : kSucceeded;
  });
}

}  // namespace

int list_sessions(const GlobalOptions& options) {
  return with_connection(options, [&](Connection& connection) {
    const bool as_json = options.json != JsonMode::kOff;
    Json list = Json::array();
    std::vector<SessionView> sessions;
    Connection::Request request{"list"};
    if (!as_json) request.params["fields"] = kListed;
    request.on_item = [&](const Json& item, std::span<const std::uint8_t>) {
      if (as_json)
        list.push_back(item);
      else
        sessions.emplace_back(item);
    };
    if (const auto reply = connection.call(request); reply.failure) {
      print_error(reply.failure->message);
      return kFailed;
    }
    if (as_json) return print_json(list, options.json);
    const auto count = sessions.size();
    if (count == 0) return options.quiet ? kSucceeded : print("No sessions.\n");
    auto text = session_table(std::move(sessions), output_width());
    if (!options.quiet) text += "\n" + counted(count, "session") + ".\n";
    return print_paged(text, options.no_pager);
  });
}

void add_list_verbs(CLI::App& app, Cli& cli) {
  auto* list = app.add_subcommand("list", "List sessions");
  list->callback([&cli] { cli.action = [&cli] { return list_sessions(cli.options); }; });

  auto session = std::make_shared<std::string>();
  auto* status = app.add_subcommand("status", "Show one session and its last lines");
  status->footer("The exit status is 0 if the session lives, 3 if it has ended.");
  add_session_argument(*status, *session);
  status->callback([&cli, session] {
    cli.action = [&cli, session] { return run_status(cli.options, *session); };
  });
}

}  // namespace ptyd
