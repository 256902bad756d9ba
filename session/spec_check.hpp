// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "common/protocol.hpp"

namespace ptyd {

// What is wrong with a SPEC for the host of the session `id`, or empty.
std::string spec_problem(const SessionSpec& spec, const std::string& id);

}  // namespace ptyd
