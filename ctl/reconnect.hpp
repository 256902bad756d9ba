// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ctl/cli.hpp"
#include "ctl/connection.hpp"

namespace ptyd {

// Connects again to a daemon that has gone: the next one is on its way, if there is one. Runs the
// loop for at most 10 s; nothing, with `problem` set, when none came.
std::unique_ptr<Connection> reconnect(EventLoop& loop, const std::string& path,
                                      std::string& problem);

// Makes a request that may take long of each session (which it sets), some at once, and calls
// `on_reply` as they are answered, with the session as it was given. What a daemon left unanswered
// is asked again of the next one, by the session's id: until then its name may have come to mean
// another. Returns an exit status: kFailed when there is no daemon, which it has reported.
int call_until_answered(
    const GlobalOptions& global, const Connection::Request& request,
    const std::vector<std::string>& sessions,
    const std::function<void(const std::string& session, const Reply& reply)>& on_reply);

}  // namespace ptyd
