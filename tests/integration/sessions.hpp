// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "tests/support/daemon.hpp"
#include "tests/support/sessions.hpp"

namespace ptyd::test {

// The session's record on disk; an empty object when there is none that is whole.
inline Json record(const Daemon& daemon, const std::string& id) {
  auto json =
      Json::parse(read_file(daemon.state_dir() + "/sessions/" + id + ".json"), nullptr, false);
  return json.is_object() ? json : Json::object();
}

}  // namespace ptyd::test
