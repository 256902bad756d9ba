// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/event_text.hpp"

#include "common/text.hpp"
#include "ctl/relative_time.hpp"
#include "ctl/session_view.hpp"

namespace ptyd {
namespace {

std::string details(const Json& event, const std::string& type) {
  if (type.starts_with("session.")) {
    const auto member = event.find("session");
    const SessionView session(member == event.end() ? Json::object() : *member);
    const auto end = session.how_it_ended();
    return session.name + " of " + session.user + ": " + session.state +
           (end.empty() ? "" : ", " + end);
  }
  if (type == "state") return text_of(event, "from") + " -> " + text_of(event, "to");
  if (type == "drain.progress") return drain_progress(event);
  if (type == "server.shutdown" || type == "machine.shutdown") {
    const std::chrono::milliseconds grace(number_of(event, "gracePeriodMs"));
    return text_of(event, "message") + ", " + format_duration(grace) + " left";
  }
  return to_text(event);
}

}  // namespace

std::string event_line(const Json& event) {
  const auto type = text_of(event, "type");
  return local_clock(std::chrono::system_clock::now()) + " " + printable(type) + " " +
         printable(details(event, type));
}

std::string drain_progress(const Json& event) {
  const auto left = number_of(event, "sessions");
  if (left == 0) return "no sessions left";
  const std::chrono::milliseconds remaining(number_of(event, "remainingMs"));
  // Whole seconds: nobody needs the rest.
  const auto time = format_duration(std::chrono::floor<std::chrono::seconds>(remaining));
  const auto total = number_of(event, "total");
  return std::to_string(left) + " of " + std::to_string(total) +
         (total == 1 ? " session" : " sessions") + " left, " + time + " until the end is forced";
}

}  // namespace ptyd
