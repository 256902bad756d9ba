// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/registry.hpp"

#include <algorithm>

#include "common/session_name.hpp"
#include "common/text.hpp"

namespace ptyd {
namespace {

// Living before ended, then newest first.
bool is_better_match(const Session& a, const Session& b) {
  if (a.living() != b.living()) return a.living();
  return a.spec.created_at > b.spec.created_at;
}

}  // namespace

void Registry::add(const SessionPtr& session) {
  remove(session->id());
  sessions_.emplace(session->id(), session);
  by_name_.emplace(session->name(), session);
}

void Registry::remove(const std::string& id) {
  const auto it = sessions_.find(id);
  if (it == sessions_.end()) return;
  const auto [first, last] = by_name_.equal_range(it->second->name());
  by_name_.erase(std::find_if(
      first, last, [&session = it->second](const auto& entry) { return entry.second == session; }));
  sessions_.erase(it);
}

SessionPtr Registry::by_id(const std::string& id) const {
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second;
}

Result<SessionPtr> Registry::find(const Caller& caller, std::string_view reference) const {
  const auto not_found = [&] {
    return Error{ErrorCode::kNotFound, "no session '" + printable(reference) + "'"};
  };
  const auto slash = reference.find('/');
  const auto user = slash == std::string_view::npos ? "" : reference.substr(0, slash);
  const auto name = slash == std::string_view::npos ? reference : reference.substr(slash + 1);
  if (!is_session_id(name))
    if (auto problem = session_name_problem(name); !problem.empty())
      return Error{ErrorCode::kBadRequest, problem};
  auto candidates = named(std::string(name));
  if (auto session = by_id(std::string(name))) candidates.push_back(std::move(session));
  SessionPtr best;
  for (const auto& session : candidates) {
    if (!may_use(caller, session->uid)) continue;
    // A bare name is the caller's own; an id is anybody's.
    const bool own = session->uid == caller.uid;
    const bool meant = user.empty() ? own || session->id() == name
                                    : user == session->user || user == std::to_string(session->uid);
    if (meant && (!best || is_better_match(*session, *best))) best = session;
  }
  if (!best) return not_found();
  return best;
}

std::vector<SessionPtr> Registry::named(const std::string& name) const {
  std::vector<SessionPtr> sessions;
  const auto [first, last] = by_name_.equal_range(name);
  for (auto it = first; it != last; ++it) sessions.push_back(it->second);
  return sessions;
}

std::vector<SessionPtr> Registry::visible_to(const Caller& caller) const {
  std::vector<SessionPtr> sessions;
  for (const auto& [id, session] : sessions_)
    if (may_use(caller, session->uid)) sessions.push_back(session);
  std::stable_sort(sessions.begin(), sessions.end(), [](const auto& a, const auto& b) {
    return a->spec.created_at < b->spec.created_at;
  });
  return sessions;
}

bool Registry::name_in_use(uid_t uid, const std::string& name) const {
  const auto [first, last] = by_name_.equal_range(name);
  return std::any_of(first, last, [uid](const auto& entry) {
    return entry.second->living() && entry.second->uid == uid;
  });
}

std::string Registry::unused_name(uid_t uid, const std::string& base) const {
  auto name = base;
  // Room for a number: -1000000 would be the last.
  const auto stem = base.substr(0, kMaxSessionName - 8) + "-";
  for (int i = 2; name_in_use(uid, name); ++i) name = stem + std::to_string(i);
  return name;
}

std::size_t Registry::living() const {
  return static_cast<std::size_t>(
      std::count_if(sessions_.begin(), sessions_.end(),
                    [](const auto& entry) { return entry.second->living(); }));
}

std::size_t Registry::ending_with_daemon() const {
  return static_cast<std::size_t>(
      std::count_if(sessions_.begin(), sessions_.end(),
                    [](const auto& entry) { return entry.second->ends_with_daemon(); }));
}

std::size_t Registry::living_of(uid_t uid) const {
  return static_cast<std::size_t>(std::count_if(
      sessions_.begin(), sessions_.end(),
      [uid](const auto& entry) { return entry.second->living() && entry.second->uid == uid; }));
}

}  // namespace ptyd
