// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <spdlog/common.h>

#include <functional>
#include <initializer_list>
#include <string>

#include "common/service/log.hpp"

namespace ptyd {

// The work of a service, with what is around it: `signals` blocked before the log starts its
// thread, so that only an event loop ever takes them (SignalWatch); no SIGPIPE; as many descriptors
// as may be had; the log. Returns the exit status: that of `work`, or 1 when it throws, which the
// log says.
int run_service(const std::string& program, log::Target target, spdlog::level::level_enum level,
                std::initializer_list<int> signals, const std::function<int()>& work);

}  // namespace ptyd
