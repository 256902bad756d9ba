// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ctl/exit_status.hpp"
#include "ctl/output.hpp"

namespace ptyd {

class Connection;
struct CreateOptions;

struct GlobalOptions {
  std::string socket;  // empty: choose_socket() decides
  bool user = false;
  bool system = false;
  JsonMode json = JsonMode::kOff;
  bool no_pager = false;
  bool quiet = false;
};

// What the command line asks for. The families of verbs add their subcommands to the parser; the
// one that was used sets `action`, which runs after everything has been checked.
struct Cli {
  GlobalOptions options;
  // The words after "--", as they are: CLI11 never sees them. Nothing when there is no "--".
  std::optional<std::vector<std::string>> literal;
  bool literal_used = false;  // by the verb; words after "--" are an error for the others
  std::function<int()> action;
};

void add_session_verbs(CLI::App& app, Cli& cli);  // new, attach, detach
void add_run_verb(CLI::App& app, Cli& cli);       // run
void add_list_verbs(CLI::App& app, Cli& cli);     // list, status
void add_text_verbs(CLI::App& app, Cli& cli);     // send, capture
void add_end_verbs(CLI::App& app, Cli& cli);      // wait, terminate, kill, restart
void add_daemon_verbs(CLI::App& app, Cli& cli);   // drain, queue, health, monitor
void add_web_verb(CLI::App& app, Cli& cli);       // web

int list_sessions(const GlobalOptions& options);

// Checks for CLI11: what is wrong with the text, or empty.
std::string new_name_problem(const std::string& name);
// A SESSION: an id, a name or user/name.
std::string session_problem(const std::string& session);

// CLI11 takes words in brackets for lists: words that are free text travel through it marked, and
// get rid of the mark here.
std::string unguarded(std::string word);

// Adds the positional SESSION that most verbs have.
CLI::Option* add_session_argument(CLI::App& verb, std::string& session);
CLI::Option* add_sessions_argument(CLI::App& verb, std::vector<std::string>& sessions);

// What `new` and `run` can say about the session.
void add_session_options(CLI::App& verb, CreateOptions& options);

// Bad usage that a verb finds in its options, before anything is done. Reported like CLI11's own.
[[noreturn]] void throw_usage(const std::string& message);

// The chosen daemon's socket; nothing, and it is reported, when there is no way to tell.
std::optional<std::string> find_socket(const GlobalOptions& options);

// Connects to the chosen daemon and runs `work`; reports why when there is none.
int with_connection(const GlobalOptions& options, const std::function<int(Connection&)>& work);

// The whole program but for process-wide set-up. Returns the exit status.
int run_ptyctl(std::vector<std::string> words);

}  // namespace ptyd
