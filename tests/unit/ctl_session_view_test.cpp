// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/session_view.hpp"

#include <gtest/gtest.h>

#include "ctl/event_text.hpp"

namespace ptyd {
namespace {

TEST(SessionView, ReadsWhatIsThere) {
  const SessionView session(Json{{"name", "web"},
                                 {"state", "stopped"},
                                 {"command", {"sh", "-c", "exit 3"}},
                                 {"endedBy", "exited"},
                                 {"exitStatus", 3},
                                 {"endedAt", "2026-01-31T23:59:59.123Z"}});
  EXPECT_EQ(session.name, "web");
  EXPECT_EQ(session.command.size(), 3U);
  EXPECT_EQ(session.since(), parse_utc("2026-01-31T23:59:59.123Z"));
  EXPECT_EQ(session.how_it_ended(), "exited with status 3");
  EXPECT_EQ(session.shell_status(), 3);
}

TEST(SessionView, SurvivesWhatIsMissingOrOfAnotherType) {
  for (const auto& json : {Json(), Json(1), Json::array({1}), Json::object(),
                           Json{{"name", 1},
                                {"uid", "x"},
                                {"command", "sh"},
                                {"pid", nullptr},
                                {"createdAt", "today"},
                                {"exitStatus", 1.5}}}) {
    const SessionView session(json);
    EXPECT_EQ(session.name, "");
    EXPECT_EQ(session.pid, 0);
    EXPECT_TRUE(session.command.empty());
    EXPECT_EQ(session.since(), std::nullopt);
    EXPECT_EQ(session.shell_status(), std::nullopt);
  }
  EXPECT_TRUE(SessionView(Json{{"command", {1, "a"}}}).command == std::vector<std::string>{"a"});
}

TEST(SessionView, GivesSignalsAsAShellDoes) {
  const SessionView killed(Json{{"state", "stopped"}, {"endedBy", "SIGKILL"}});
  EXPECT_EQ(killed.shell_status(), 128 + 9);
  EXPECT_EQ(killed.how_it_ended(), "killed by SIGKILL");
  const SessionView lost(Json{{"state", "error"}, {"endedBy", "lost"}});
  EXPECT_EQ(lost.shell_status(), std::nullopt);
  EXPECT_NE(lost.how_it_ended().find("lost"), std::string::npos);
  EXPECT_EQ(SessionView(Json{{"state", "active"}}).how_it_ended(), "");
}

TEST(EventText, IsOnePrintableLine) {
  const auto line =
      event_line(Json{{"type", "session.new"},
                      {"session", {{"name", "a\nb"}, {"user", "eve"}, {"state", "active"}}}});
  EXPECT_NE(line.find("session.new a\\x0ab of eve: active"), std::string::npos) << line;
  EXPECT_NE(event_line(Json{{"type", "machine.shutdown"},
                            {"message", "The machine is shutting down"},
                            {"gracePeriodMs", 3000}})
                .find("The machine is shutting down, 3s left"),
            std::string::npos);
  EXPECT_NE(event_line(Json{{"type", "state"}, {"from", "running"}, {"to", "draining"}})
                .find("running -> draining"),
            std::string::npos);
  EXPECT_NE(event_line(Json{{"type", "new\x1b[kind"}, {"x", 1}}).find("\"x\":1"),
            std::string::npos);
  EXPECT_NO_THROW(event_line(Json{{"type", 5}, {"session", 7}}));
}

TEST(EventText, TellsTheProgressOfADrain) {
  EXPECT_EQ(drain_progress(Json{{"sessions", 3}, {"total", 5}, {"remainingMs", 270'400}}),
            "3 of 5 sessions left, 4min 30s until the end is forced");
  EXPECT_EQ(drain_progress(Json{{"sessions", 0}, {"total", 5}}), "no sessions left");
}

}  // namespace
}  // namespace ptyd
