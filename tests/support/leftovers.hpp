// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace ptyd::test {

// Living processes of the program `program` (a path) that have `argument` on their command line.
std::vector<pid_t> find_processes(const std::string& program, const std::string& argument);

// Kills such processes with all their descendants and waits until none is left. Session hosts
// outlive a daemon by design; a test must not leave them behind. Returns how many there were.
std::size_t end_leftovers(const std::string& program, const std::string& argument);

}  // namespace ptyd::test
