// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/version.hpp"

namespace ptyd {
const char* const kVersion = PTYD_VERSION;
}  // namespace ptyd
