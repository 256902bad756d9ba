// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "common/message.hpp"
#include "daemon/result.hpp"
#include "daemon/session.hpp"

namespace ptyd {

struct SessionField;

// Which keys of the session object of docs/protocol.md somebody wants.
class SessionFields {
 public:
  // None means all. A bad request when there is no key of such a name.
  static Result<SessionFields> named(const std::vector<std::string>& names);
  [[nodiscard]] Json of(const Session& session) const;

 private:
  std::vector<const SessionField*> fields_;
};

// All of the session object.
Json to_public_json(const Session& session);

}  // namespace ptyd
