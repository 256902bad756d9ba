// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace ptyd {

// Why a unit's process could not be started, as systemd and the modules of PAM told the journal:
// "account alice has expired (account expired)", "Failed at step EXEC spawning …"; empty when the
// journal does not say. Blocks, at most about a second, since a message may yet be on its way: for
// a worker.
struct UnitFailure {
  std::string reason;
  bool by_pam = false;  // the account, not the machine
};
UnitFailure read_unit_failure(const std::string& unit);

}  // namespace ptyd
