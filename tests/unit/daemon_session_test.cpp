// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <signal.h>

#include <array>

#include "daemon/create_request.hpp"
#include "daemon/lifecycle.hpp"
#include "daemon/params.hpp"
#include "daemon/registry.hpp"
#include "daemon/session.hpp"
#include "daemon/session_fields.hpp"
#include "daemon/state_files.hpp"

namespace ptyd {
namespace {

constexpr uid_t kAlice = 1001;
constexpr uid_t kBob = 1002;

SessionPtr make_session(const std::string& id, const std::string& name, uid_t uid,
                        std::int64_t created_at = 1) {
  auto session = std::make_shared<Session>();
  session->spec.id = id;
  session->spec.name = name;
  session->spec.command = {"bash", "-c", "echo 'a b'"};
  session->spec.environment = {"SECRET=xyzzy"};
  session->spec.created_at = created_at;
  session->spec.scrollback = 1 << 20;
  session->uid = uid;
  session->user = uid == kAlice ? "alice" : "bob";
  session->boot_id = "boot";
  return session;
}

TEST(SessionState, OnlyTheEdgesOfTheMachineAreAllowed) {
  using S = SessionState;
  constexpr std::array kAll{S::kStarting, S::kActive,  S::kIdle,
                            S::kStopping, S::kStopped, S::kError};
  const std::vector<std::pair<S, S>> allowed{
      {S::kStarting, S::kActive}, {S::kStarting, S::kStopping}, {S::kStarting, S::kError},
      {S::kActive, S::kIdle},     {S::kActive, S::kStopping},   {S::kActive, S::kStopped},
      {S::kActive, S::kError},    {S::kIdle, S::kActive},       {S::kIdle, S::kStopping},
      {S::kIdle, S::kStopped},    {S::kIdle, S::kError},        {S::kStopping, S::kStopped},
      {S::kStopping, S::kError},  {S::kError, S::kActive},      {S::kError, S::kIdle},
      {S::kError, S::kStopped}};
  for (const auto from : kAll)
    for (const auto to : kAll) {
      const bool expected =
          std::find(allowed.begin(), allowed.end(), std::pair{from, to}) != allowed.end();
      Session session;
      session.restore_state(from);
      EXPECT_EQ(session.try_set_state(to), expected) << to_string(from) << " " << to_string(to);
      EXPECT_EQ(session.state(), expected ? to : from);
    }
}

TEST(DaemonState, OnlyTheEdgesOfTheMachineAreAllowed) {
  using S = DaemonState;
  constexpr std::array kAll{S::kStarting, S::kRunning, S::kDraining, S::kStopping, S::kStopped};
  const std::vector<std::pair<S, S>> allowed{
      {S::kStarting, S::kRunning}, {S::kStarting, S::kStopping}, {S::kRunning, S::kDraining},
      {S::kRunning, S::kStopping}, {S::kDraining, S::kRunning},  {S::kDraining, S::kStopping},
      {S::kStopping, S::kStopped}};
  for (const auto from : kAll)
    for (const auto to : kAll)
      EXPECT_EQ(may_follow(from, to),
                std::find(allowed.begin(), allowed.end(), std::pair{from, to}) != allowed.end())
          << to_string(from) << " " << to_string(to);
}

TEST(SessionRecord, RoundTripsWhatIsNeededToRunItAgain) {
  auto session = make_session("0123456789abcdef", "web", kAlice, 1'700'000'000'123'000);
  session->restore_state(SessionState::kStopped);
  session->result = ExitResult{EndKind::kSignaled, SIGKILL};
  session->ended_at = from_us(1'700'000'001'000'000);
  session->forced = true;
  std::string problem;
  const auto copy = from_record(to_record(*session), problem);
  ASSERT_TRUE(copy) << problem;
  EXPECT_EQ(to_record(*copy), to_record(*session));
  EXPECT_EQ(copy->spec.environment, session->spec.environment);
  EXPECT_EQ(copy->ended_by(), "SIGKILL");
}

TEST(SessionRecord, SaysWhetherItIsAServiceOfItsOwn) {
  const auto session = make_session("0123456789abcdef", "web", kAlice);
  session->restore_state(SessionState::kActive);
  EXPECT_TRUE(session->ends_with_daemon());
  session->supervised = true;
  EXPECT_FALSE(session->ends_with_daemon());
  EXPECT_TRUE(to_public_json(*session)["supervised"].get<bool>());
  auto record = to_record(*session);
  std::string problem;
  EXPECT_TRUE(from_record(record, problem)->supervised) << problem;
  record["supervised"] = "yes";
  EXPECT_FALSE(from_record(record, problem));
}

TEST(SessionRecord, ShowsTheFieldsThatAreWanted) {
  const auto session = make_session("0123456789abcdef", "web", kAlice);
  const auto some = SessionFields::named({"uid", "name"});
  ASSERT_TRUE(some);
  EXPECT_EQ(some->of(*session), (Json{{"name", "web"}, {"uid", kAlice}}));
  EXPECT_EQ(SessionFields::named({})->of(*session), to_public_json(*session));
  const auto wrong = SessionFields::named({"name", "nome\x1b"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::kBadRequest);
  EXPECT_EQ(wrong.error().message, "a session has no field 'nome\\x1b'");
}

TEST(SessionRecord, TheEnvironmentIsNotShown) {
  const auto session = make_session("0123456789abcdef", "web", kAlice);
  EXPECT_EQ(to_text(to_public_json(*session)).find("xyzzy"), std::string::npos);
  EXPECT_NE(to_text(to_record(*session)).find("xyzzy"), std::string::npos);
}

TEST(SessionRecord, DamageIsAProblemAndNothingElse) {
  const auto good = to_record(*make_session("0123456789abcdef", "web", kAlice));
  std::string problem;
  for (const auto& [key, value] : good.items()) {
    auto record = good;
    record[key] = Json::array({1, "x", nullptr});
    if (key == "command" || key == "environment") record[key] = 5;
    // The keys that are only for people may be anything.
    const bool ignored =
        key == "clients" || key == "columns" || key == "endedBy" || key == "exitStatus";
    const auto session = from_record(record, problem);
    EXPECT_TRUE(ignored || !session) << key;
  }
  for (const auto& junk : {Json(), Json(1), Json("x"), Json::array(), Json::object()})
    EXPECT_FALSE(from_record(junk, problem)) << junk;
  auto newer = good;
  newer["formatVersion"] = kStateVersion + 1;
  EXPECT_FALSE(from_record(newer, problem));
  EXPECT_EQ(problem, "format version " + std::to_string(kStateVersion + 1) + " is not known");
}

TEST(SessionRecord, ThoseOfTheFirstVersionAreStillRead) {
  auto first = to_record(*make_session("0123456789abcdef", "web", kAlice));
  first["formatVersion"] = 1;
  std::string problem;
  // In the middle of its life that version began to write these.
  EXPECT_TRUE(from_record(first, problem)) << problem;
  for (const char* key : {"onDrain", "supervised", "unit", "userEnvironment"}) first.erase(key);
  const auto session = from_record(first, problem);
  ASSERT_TRUE(session) << problem;
  EXPECT_FALSE(session->supervised);
  EXPECT_EQ(session->unit, "");
  const auto migrated = to_record(*session);
  EXPECT_EQ(migrated["formatVersion"], kStateVersion);
  EXPECT_EQ(migrated["onDrain"], "wait");
  EXPECT_EQ(migrated["userEnvironment"], Json::array());
  first["formatVersion"] = 2;
  EXPECT_FALSE(from_record(first, problem)) << "the second version writes these";
}

TEST(Registry, FindsOwnNamesAndIdsAndHidesOthers) {
  Registry registry;
  registry.add(make_session("00000000000000aa", "web", kAlice));
  registry.add(make_session("00000000000000bb", "web", kBob));
  const Caller alice{kAlice, "alice"};
  const Caller root{0, "root"};
  EXPECT_EQ((*registry.find(alice, "web"))->uid, kAlice);
  EXPECT_EQ((*registry.find(alice, "00000000000000aa"))->uid, kAlice);
  const auto forbidden = registry.find(alice, "00000000000000bb");
  const auto absent = registry.find(alice, "00000000000000cc");
  ASSERT_FALSE(forbidden);
  ASSERT_FALSE(absent);
  EXPECT_EQ(forbidden.error().code, absent.error().code);
  EXPECT_EQ(forbidden.error().message, "no session '00000000000000bb'");
  EXPECT_FALSE(registry.find(alice, "bob/web"));
  EXPECT_EQ((*registry.find(root, "bob/web"))->uid, kBob);
  EXPECT_EQ((*registry.find(root, "1002/web"))->uid, kBob);
  EXPECT_EQ((*registry.find(root, "00000000000000bb"))->uid, kBob);
  EXPECT_FALSE(registry.find(root, "web"));
  EXPECT_EQ(registry.visible_to(alice).size(), 1U);
  EXPECT_EQ(registry.visible_to(root).size(), 2U);
}

TEST(Registry, OfOneNameTheLivingOneThenTheNewest) {
  Registry registry;
  const Caller alice{kAlice, "alice"};
  auto old_one = make_session("00000000000000a1", "web", kAlice, 1);
  auto new_one = make_session("00000000000000a2", "web", kAlice, 2);
  old_one->restore_state(SessionState::kStopped);
  new_one->restore_state(SessionState::kStopped);
  registry.add(old_one);
  registry.add(new_one);
  EXPECT_EQ(*registry.find(alice, "web"), new_one);
  old_one->restore_state(SessionState::kActive);
  EXPECT_EQ(*registry.find(alice, "web"), old_one);
}

TEST(Registry, WhatIsRemovedOrReplacedIsNotFoundByItsName) {
  Registry registry;
  const auto add = [&](const char* id, const char* name) {
    const auto session = make_session(id, name, kAlice);
    session->restore_state(SessionState::kActive);
    registry.add(session);
    return session;
  };
  const Caller alice{.uid = kAlice, .label = {}};
  const auto one = add("00000000000000a1", "web");
  const auto two = add("00000000000000a2", "web");
  EXPECT_EQ(registry.named("web").size(), 2U);
  registry.remove(one->id());
  EXPECT_EQ(*registry.find(alice, "web"), two);
  registry.add(two);
  EXPECT_EQ(registry.named("web"), std::vector{two});
  const auto replaced = add("00000000000000a2", "shop");
  EXPECT_FALSE(registry.find(alice, "web"));
  EXPECT_FALSE(registry.name_in_use(kAlice, "web"));
  EXPECT_EQ(*registry.find(alice, "shop"), replaced);
  registry.remove("00000000000000a2");
  registry.remove("00000000000000a2");
  EXPECT_FALSE(registry.find(alice, "shop"));
  EXPECT_TRUE(registry.all().empty());
}

TEST(Registry, BadReferencesAreBadRequests) {
  const Registry registry;
  const Caller alice{kAlice, "alice"};
  for (const auto& reference :
       {std::string("a/b/c"), std::string(""), std::string("/"), std::string("a\x1b[2J"),
        std::string(65, 'x'), std::string(".."), std::string("-x")})
    EXPECT_EQ(registry.find(alice, reference).error().code, ErrorCode::kBadRequest) << reference;
}

TEST(Registry, UnusedNamesCountUp) {
  Registry registry;
  EXPECT_EQ(registry.unused_name(kAlice, "bash"), "bash");
  registry.add(make_session("00000000000000aa", "bash", kAlice));
  EXPECT_EQ(registry.unused_name(kAlice, "bash"), "bash-2");
  registry.add(make_session("00000000000000ab", "bash-2", kAlice));
  EXPECT_EQ(registry.unused_name(kAlice, "bash"), "bash-3");
  EXPECT_EQ(registry.unused_name(kBob, "bash"), "bash");
}

TEST(CreateRequest, WhatIsWrongIsSaid) {
  const auto message = [](const CreateRequest& request) {
    const auto status = check(request);
    return status ? std::string() : status.error().message;
  };
  EXPECT_EQ(message({}), "");
  EXPECT_EQ(message({.name = "a/b"}), "session name 'a/b' may only have A-Z a-z 0-9 _ . -");
  EXPECT_EQ(message({.command = {""}}), "the command must not be empty");
  EXPECT_EQ(message({.command = {std::string("a\0b", 3)}}),
            "command and environment must not have NUL bytes");
  EXPECT_EQ(message({.environment = {"=x"}}), "environment must be NAME=value, not ''");
  EXPECT_EQ(message({.cwd = "tmp"}), "the working folder must be an absolute path, not 'tmp'");
  EXPECT_EQ(message({.term = "../x"}), "'../x' is no terminal type");
  EXPECT_NE(message({.size = {0, 80}}), "");
  EXPECT_NE(message({.size = {24, 2001}}), "");
  EXPECT_NE(message({.stop_input = std::string(1025, 'x')}), "");
  EXPECT_NE(message({.stop_timeout = std::chrono::milliseconds(0)}), "");
  EXPECT_NE(message({.scrollback = 1}), "");
  EXPECT_NE(message({.command = {std::string(48 * 1024, 'x')}}), "");
  EXPECT_NE(message({.command = std::vector<std::string>(5000, "x")}), "");
}

TEST(CreateRequest, NamesComeFromCommands) {
  EXPECT_EQ(name_for_command({"/usr/bin/vim", "x"}), "vim");
  EXPECT_EQ(name_for_command({"a b"}), "session");
  EXPECT_EQ(name_for_command({"/"}), "session");
  EXPECT_EQ(name_for_command({"0123456789abcdef"}), "session");
  EXPECT_EQ(name_for_command({std::string(100, 'x')}).size(), 32U);
}

TEST(Params, TypesAndUnknownKeysAreErrors) {
  const auto problem = [](const char* params, auto&& use) {
    Params p(Json::parse(params));
    use(p);
    const auto status = p.finish();
    return status ? std::string() : status.error().message;
  };
  const auto nothing = [](Params&) {};
  EXPECT_EQ(problem("{}", nothing), "");
  EXPECT_EQ(problem(R"({"params": []})", nothing), "params must be an object");
  EXPECT_EQ(problem(R"({"params": {"b": 1}})", nothing), "unknown parameter 'b'");
  EXPECT_EQ(problem(R"({"params": {"b\n": 1}})", nothing), "unknown parameter 'b\\x0a'");
  EXPECT_EQ(problem(R"({"params": {"a": 1}})", [](Params& p) { p.text("a"); }),
            "'a' must be a text");
  EXPECT_EQ(problem(R"({"params": {}})", [](Params& p) { p.required_text("a"); }),
            "'a' must be given");
  EXPECT_EQ(problem(R"({"params": {"a": -1}})", [](Params& p) { (void)p.number("a", 9); }),
            "'a' must be a whole number up to 9");
  EXPECT_EQ(problem(R"({"params": {"a": 10}})", [](Params& p) { (void)p.number("a", 9); }),
            "'a' must be a whole number up to 9");
  EXPECT_EQ(problem(R"({"params": {"a": [1]}})", [](Params& p) { p.texts("a"); }),
            "'a' must be a list of texts");
  EXPECT_EQ(problem(R"({"params": {"a": {"X": 1}}})", [](Params& p) { p.assignments("a"); }),
            "'a' must be an object of texts");
}

}  // namespace
}  // namespace ptyd
