// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/session_verbs.hpp"

#include <fcntl.h>

#include <memory>
#include <utility>

#include "common/unix_socket.hpp"

namespace ptyd {
namespace {

// As on the socket: what a terminal takes at once from somebody who pastes.
constexpr std::size_t kMaxInput = 32 * 1024;

}  // namespace

void terminate_session(Core& core, const Caller& caller, const std::string& session,
                       const Reply<>& reply) {
  core.sessions.terminate(caller, session, reply.owner(), [reply](const Result<SessionPtr>& ended) {
    ended ? reply.send() : reply.fail(ended.error());
  });
}

void kill_session(Core& core, const Caller& caller, const std::string& session, int signal,
                  const Reply<>& reply) {
  core.sessions.kill(caller, session, signal, answer_with(reply));
}

void send_input(Core& core, const Caller& caller, const std::string& session, const Bytes& input,
                const Reply<>& reply) {
  if (input.size() > kMaxInput)
    return reply.fail({ErrorCode::kBadRequest, "at most 32KiB of input at once"});
  core.sessions.send_input(caller, session, input, answer_with(reply));
}

Result<AttachOptions> read_attach_options(const VariantMap& values) {
  Options in(values);
  AttachOptions options;
  options.read_only = in.flag("readOnly");
  options.steal = in.flag("steal");
  if (const auto word = in.text("restore"); !word.empty()) {
    options.restore = parse_restore(word).value_or(Restore::kDefault);
    if (options.restore == Restore::kDefault) in.wrong("restore", "screen, tail or none");
  }
  const auto rows = in.u16("rows");
  const auto columns = in.u16("columns");
  if (rows && columns)
    options.size = TerminalSize{*rows, *columns};
  else if (rows || columns)
    in.wrong(rows ? "columns" : "rows", rows ? "given with 'rows'" : "given with 'columns'");
  if (auto good = in.finish(); !good) return good.error();
  if (options.size && !is_valid(*options.size))
    return Error{ErrorCode::kBadRequest,
                 "a terminal has 1 to " + std::to_string(kMaxTerminalSide) + " rows and columns"};
  return options;
}

void attach_session(Core& core, const Caller& caller, const std::string& session,
                    const Result<AttachOptions>& options, const Reply<sdbus::UnixFd>& reply) {
  if (!options) return reply.fail(options.error());
  std::error_code error;
  auto [ours, theirs] = unix_socket_pair(error);
  // The client's end blocks, as programs expect of a descriptor that they are given.
  if (error || ::fcntl(theirs.get(), F_SETFL, 0) < 0)
    return reply.fail({ErrorCode::kLimit, "ptyd is out of descriptors"});
  // std::function must be copyable.
  const auto kept = std::make_shared<UniqueFd>(std::move(theirs));
  core.sessions.attach(caller, session, *options, std::move(ours),
                       [reply, kept](const Result<Nothing>& passed) {
                         if (!passed) return reply.fail(passed.error());
                         reply.send(sdbus::UnixFd(kept->release(), sdbus::adopt_fd));
                       });
}

}  // namespace ptyd
