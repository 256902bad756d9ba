// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "ctl/cli.hpp"

namespace ptyd {

// The verb `drain`: it watches what it began until that is over.
void add_drain(CLI::App& app, Cli& cli);

}  // namespace ptyd
