// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "daemon/core.hpp"
#include "dbus/calls.hpp"
#include "dbus/options.hpp"

// What both org.ptyd1.Manager and org.ptyd1.Session can do with a session. Each asks the core and
// answers. `session` is an id, a name or user/name.
namespace ptyd {

void terminate_session(Core& core, const Caller& caller, const std::string& session,
                       const Reply<>& reply);
void kill_session(Core& core, const Caller& caller, const std::string& session, int signal,
                  const Reply<>& reply);
void send_input(Core& core, const Caller& caller, const std::string& session, const Bytes& input,
                const Reply<>& reply);

Result<AttachOptions> read_attach_options(const VariantMap& values);
// Answers with one end of a new socket pair, whose other end is the session host's.
void attach_session(Core& core, const Caller& caller, const std::string& session,
                    const Result<AttachOptions>& options, const Reply<sdbus::UnixFd>& reply);

// Answers with nothing, or the error.
inline Completion<Nothing> answer_with(const Reply<>& reply) {
  return [reply](const Result<Nothing>& done) { done ? reply.send() : reply.fail(done.error()); };
}

}  // namespace ptyd
