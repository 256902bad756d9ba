// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

#include "common/program_files.hpp"
#include "common/protocol.hpp"
#include "common/text.hpp"
#include "common/unique_fd.hpp"
#include "ctl/cli.hpp"
#include "ctl/create_options.hpp"

namespace ptyd {
namespace {

struct RunOptions {
  CreateOptions create;
  std::vector<std::string> stray;  // words that belong behind "--"
};

int fail(const std::string& what, int error) {
  print_error(what + ": " + std::generic_category().message(error));
  return kFailed;
}

// A file in memory takes all at once and never waits. Nothing, with errno set, if there is no room.
UniqueFd memory_file(const Bytes& bytes) {
  UniqueFd fd(::memfd_create("ptyd-spec", MFD_CLOEXEC));
  if (!fd) return {};
  const auto written = ::pwrite(fd.get(), bytes.data(), bytes.size(), 0);
  if (written == static_cast<ssize_t>(bytes.size())) return fd;
  if (written >= 0) errno = ENOSPC;
  return {};
}

// Becomes the session host, so that it is the unit's main process. Returns only on failure.
int run_host(const GlobalOptions& global, const SessionSpec& spec) {
  const auto socket = find_socket(global);
  if (!socket) return kFailed;
  std::error_code error;
  const auto path = std::filesystem::absolute(*socket, error).string();
  if (error) return fail(*socket, error.value());
  const auto program = find_session_program({});
  if (program.empty()) {
    print_error("ptyd-session is not found; install it or set PTYD_SESSION_PROGRAM");
    return kFailed;
  }
  const auto file = memory_file(encode(spec));
  if (!file || ::fcntl(file.get(), F_SETFD, 0) < 0)
    return fail("cannot hand over the session", errno);
  const auto fd = std::to_string(file.get());
  const std::array<const char*, 8> arguments{program.c_str(), "--socket",  path.c_str(), "--id",
                                             spec.id.c_str(), "--spec-fd", fd.c_str(),   nullptr};
  ::execv(program.c_str(), const_cast<char* const*>(arguments.data()));
  return fail("cannot run " + printable(program), errno);
}

}  // namespace

void add_run_verb(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<RunOptions>();
  auto& create = options->create;
  auto* verb =
      app.add_subcommand("run", "Host a session in the foreground, for a unit's ExecStart=");
  verb->footer(
      "The command and its arguments follow --. It is started at once, whether a daemon runs or "
      "not;\n"
      "once one does, the session can be attached to. The process ends as the command does. For\n"
      "Type=notify and KillMode=mixed.");
  verb->add_option("--name", create.name, "Name of the session")
      ->type_name("NAME")
      ->required()
      ->check(new_name_problem);
  add_session_options(*verb, create);
  verb->add_option("stray", options->stray)->group("");
  verb->callback([&cli, options] {
    auto& request = options->create;
    if (!options->stray.empty())
      throw_usage("put -- before the command: ptyctl run --name=" + request.name + " -- " +
                  shell_quoted(options->stray));
    if (!cli.literal || cli.literal->empty())
      throw_usage("there is no command: ptyctl run --name=" + request.name + " -- COMMAND");
    cli.literal_used = true;
    request.command = *cli.literal;
    if (const auto problem = command_problem(request); !problem.empty()) throw_usage(problem);
    auto spec = std::make_shared<SessionSpec>(run_spec(request));
    if (const auto problem = run_spec_problem(*spec); !problem.empty()) throw_usage(problem);
    cli.action = [&cli, spec] { return run_host(cli.options, *spec); };
  });
}

}  // namespace ptyd
