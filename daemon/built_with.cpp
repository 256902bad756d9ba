// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/built_with.hpp"

namespace ptyd {
const char* const kBuiltWith = PTYD_BUILT_WITH;
}  // namespace ptyd
