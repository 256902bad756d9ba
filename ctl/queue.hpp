// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "common/message.hpp"
#include "ctl/cli.hpp"

namespace ptyd {

void add_queue(CLI::App& app, Cli& cli);

// The queued requests as a table of at most `width` columns, see Table.
std::string queue_table(const Json& items, std::size_t width);

}  // namespace ptyd
