// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace ptyd {

// Why a unit could not be started, as systemd and PAM told the journal: "User account has expired",
// "Failed at step EXEC spawning …"; empty when the journal does not say. systemd's D-Bus interface
// has only a number for it. Blocks, at most about a second, since a message may yet be on its way:
// for a worker.
struct UnitFailure {
  std::string reason;
  bool by_pam = false;  // the account, not the machine
};
UnitFailure read_unit_failure(const std::string& unit);

}  // namespace ptyd
