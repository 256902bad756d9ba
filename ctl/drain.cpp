// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/drain.hpp"

#include <unistd.h>

#include <memory>

#include "common/text.hpp"
#include "ctl/connection.hpp"
#include "ctl/event_text.hpp"
#include "ctl/session_view.hpp"
#include "ctl/table.hpp"

namespace ptyd {
namespace {

struct DrainOptions {
  std::string grace;
  bool exit = false;
  bool cancel = false;
  bool no_block = false;
};

// Follows a drain by the daemon's events and shows it: as one line that changes on a terminal, else
// as one line for each change.
class DrainWatch {
 public:
  DrainWatch(const GlobalOptions& global, bool until_exit)
      : json_(global.json),
        quiet_(global.quiet),
        live_(::isatty(STDOUT_FILENO) == 1),
        until_exit_(until_exit) {}

  void begin(const Json& reply) {
    if (json_ != JsonMode::kOff) (void)print_json(reply, json_);
    begun_ = true;
    left_ = number_of(reply, "sessions");
    if (json_ == JsonMode::kOff)
      show(left_ == 0 ? "no sessions left"
                      : std::to_string(left_) + (left_ == 1 ? " session left" : " sessions left"));
  }

  void on_event(const Json& event) {
    if (!begun_) return;  // of an earlier drain
    if (json_ != JsonMode::kOff) (void)print_json(event, json_);
    const auto type = text_of(event, "type");
    if (type == "drain.progress") {
      left_ = number_of(event, "sessions");
      if (json_ == JsonMode::kOff) show(drain_progress(event));
    } else if (type == "state") {
      cancelled_ = text_of(event, "to") == "running";
    }
  }

  [[nodiscard]] bool over() const { return cancelled_ || (left_ == 0 && !until_exit_); }

  // The exit status; `gone` when the daemon has closed the connection.
  int finish(bool gone) {
    if (live_ && shown_) (void)print("\n");
    if (cancelled_) {
      print_error("the drain was cancelled");
      return kFailed;
    }
    if (gone && !until_exit_ && left_ > 0) {
      print_error("the daemon closed the connection, the drain may not be over");
      return kFailed;
    }
    if (!quiet_ && json_ == JsonMode::kOff)
      return print(gone ? "Drained, the daemon has exited.\n" : "Drained.\n");
    return kSucceeded;
  }

 private:
  void show(const std::string& line) {
    if (quiet_) return;
    shown_ = true;
    (void)print(live_ ? "\r" + ellipsized(line, output_width() - 1) + "\x1b[K" : line + "\n");
  }

  JsonMode json_;
  bool quiet_;
  bool live_;
  bool until_exit_;
  bool begun_ = false;
  bool cancelled_ = false;
  bool shown_ = false;
  std::int64_t left_ = 0;
};

int report(const Failure& failure) {
  print_error(failure.message);
  return kFailed;
}

int cancel_drain(Connection& connection, const GlobalOptions& global) {
  const auto reply = connection.call({"cancel-drain"});
  if (reply.failure) return report(*reply.failure);
  if (global.json != JsonMode::kOff) return print_json(reply.result, global.json);
  return global.quiet ? kSucceeded : print("The drain is cancelled.\n");
}

int drain(Connection& connection, const GlobalOptions& global, const DrainOptions& options) {
  DrainWatch watch(global, options.exit);
  if (!options.no_block) {
    connection.set_on_event([&watch](const Json& event) { watch.on_event(event); });
    // Before the drain begins, so that none of its events is missed.
    if (const auto reply = connection.call({"monitor"}); reply.failure)
      return report(*reply.failure);
  }
  Json params = Json::object();
  if (const auto grace = parse_duration(options.grace)) params["graceMs"] = grace->count();
  if (options.exit) params["exit"] = true;
  const auto reply = connection.call({"drain", params});
  if (reply.failure) return report(*reply.failure);
  if (options.no_block) {
    if (global.json != JsonMode::kOff) return print_json(reply.result, global.json);
    return kSucceeded;
  }
  watch.begin(reply.result);
  const bool connected = connection.run_until([&watch] { return watch.over(); });
  return watch.finish(!connected);
}

}  // namespace

void add_drain(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<DrainOptions>();
  auto* verb = app.add_subcommand("drain", "Take in no new sessions, let the running ones finish");
  verb->footer("Leaving with ^C ends the watching, not the drain.");
  auto* grace = verb->add_option("--grace", options->grace, "How long sessions may take to finish")
                    ->type_name("TIME")
                    ->check([](const std::string& text) {
                      return parse_duration(text) ? std::string()
                                                  : "'" + printable(text) +
                                                        "' is no time, give one such as 30s, 5min";
                    });
  auto* exit = verb->add_flag("--exit", options->exit, "Then let the daemon exit");
  auto* no_block = verb->add_flag("--no-block", options->no_block, "Do not wait for the end");
  verb->add_flag("--cancel", options->cancel, "End the drain, take in sessions again")
      ->excludes(grace)
      ->excludes(exit)
      ->excludes(no_block);
  verb->callback([&cli, options] {
    cli.action = [&cli, options] {
      return with_connection(cli.options, [&](Connection& connection) {
        return options->cancel ? cancel_drain(connection, cli.options)
                               : drain(connection, cli.options, *options);
      });
    };
  });
}

}  // namespace ptyd
