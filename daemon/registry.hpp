// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "daemon/access.hpp"
#include "daemon/result.hpp"
#include "daemon/session.hpp"

namespace ptyd {

// All sessions known, living and ended, by id; and by the words people use for them.
class Registry {
 public:
  // Whose id and name do not change from here on. It takes the place of one with the same id.
  void add(const SessionPtr& session);
  void remove(const std::string& id);

  [[nodiscard]] SessionPtr by_id(const std::string& id) const;
  // `reference` is an id, a name, or, for an admin, user/name. What the caller may not use is not
  // found, in the same words. Of several with one name the living one, then the newest.
  [[nodiscard]] Result<SessionPtr> find(const Caller& caller, std::string_view reference) const;
  // In order of creation.
  [[nodiscard]] std::vector<SessionPtr> visible_to(const Caller& caller) const;
  [[nodiscard]] const std::map<std::string, SessionPtr>& all() const { return sessions_; }
  // Living and ended, of all users.
  [[nodiscard]] std::vector<SessionPtr> named(const std::string& name) const;

  [[nodiscard]] bool name_in_use(uid_t uid, const std::string& name) const;  // by a living one
  // `base`, or with -2, -3, … appended, so that it is not in use.
  [[nodiscard]] std::string unused_name(uid_t uid, const std::string& base) const;
  [[nodiscard]] std::size_t living() const;
  [[nodiscard]] std::size_t living_of(uid_t uid) const;
  // Those living that a drain waits for and a stop ends.
  [[nodiscard]] std::size_t ending_with_daemon() const;

 private:
  std::map<std::string, SessionPtr> sessions_;
  std::unordered_multimap<std::string, SessionPtr> by_name_;
};

}  // namespace ptyd
