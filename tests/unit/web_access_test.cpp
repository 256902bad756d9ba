// SPDX-License-Identifier: LGPL-2.1-or-later
// Who may come in: tickets, browsers and tokens as files.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "common/message.hpp"
#include "tests/support/run_loop.hpp"
#include "tests/support/temp_dir.hpp"
#include "web/access.hpp"

namespace ptyd::web {
namespace {

using std::chrono::seconds;

Grant grant_for(std::chrono::seconds lifetime, Grant::Kind kind = Grant::Kind::kTicket) {
  Grant grant;
  grant.kind = kind;
  grant.expires_at = std::chrono::system_clock::now() + lifetime;
  return grant;
}

std::pair<Grant, std::string> issued(AccessFolder& access, const Grant& grant) {
  std::string problem;
  auto made = access.issue(grant, problem);
  EXPECT_EQ(problem, "");
  return made.value_or(std::pair(Grant(), std::string()));
}

class WebAccess : public testing::Test {
 protected:
  EventLoop loop_;
  test::TempDir folder_;
  std::string path_ = (folder_.path() / "access").string();
  AccessFolder access_{path_};
};

TEST_F(WebAccess, ATicketIsGoodOnceAndKeepsWhatItMay) {
  auto wanted = grant_for(seconds(60));
  wanted.read_only = true;
  wanted.session = "build";
  const auto [ticket, secret] = issued(access_, wanted);
  EXPECT_TRUE(access_.find(secret));
  const auto browser = access_.redeem(secret, seconds(10));
  ASSERT_TRUE(browser);
  EXPECT_EQ(browser->first.kind, Grant::Kind::kBrowser);
  EXPECT_TRUE(browser->first.read_only);
  EXPECT_EQ(browser->first.session, "build");
  EXPECT_NE(browser->second, secret);
  EXPECT_FALSE(access_.redeem(secret, seconds(10)));
  EXPECT_FALSE(access_.redeem(browser->second, seconds(10))) << "it is no ticket";
  EXPECT_EQ(access_.list().size(), 1U);
}

TEST_F(WebAccess, OutlivesWhoeverMadeIt) {
  const auto [grant, secret] = issued(access_, grant_for(seconds(60), Grant::Kind::kBrowser));
  AccessFolder next(path_);
  EXPECT_TRUE(next.find(secret));
  EXPECT_TRUE(next.holds(grant));
  EXPECT_TRUE(next.revoke(grant.id));
  EXPECT_FALSE(access_.find(secret));
  EXPECT_FALSE(access_.holds(grant));
  EXPECT_FALSE(access_.revoke(grant.id));
}

TEST_F(WebAccess, WhatHasExpiredIsNotThere) {
  const auto [grant, secret] = issued(access_, grant_for(seconds(-1)));
  EXPECT_FALSE(access_.find(secret));
  EXPECT_FALSE(access_.redeem(secret, seconds(10)));
  EXPECT_FALSE(access_.holds(grant));
  EXPECT_TRUE(access_.list().empty());
  EXPECT_TRUE(std::filesystem::is_empty(path_)) << "it has been removed";
}

TEST_F(WebAccess, TakesNothingButTheWholeSecret) {
  const auto [grant, secret] = issued(access_, grant_for(seconds(60)));
  for (const auto& wrong : {std::string(), std::string("."), grant.id, grant.id + ".",
                            secret.substr(0, secret.size() - 1), secret + "0", "0" + secret,
                            "../" + secret, "/" + secret, secret.substr(secret.find('.'))})
    EXPECT_FALSE(access_.find(wrong)) << wrong;
  EXPECT_TRUE(access_.find(secret));
}

TEST_F(WebAccess, FilesAndFolderAreTheUsersAlone) {
  const auto [grant, secret] = issued(access_, grant_for(seconds(60)));
  const auto file = path_ + "/" + grant.id + ".json";
  EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms(0600));
  ::chmod(path_.c_str(), 0755);
  EXPECT_THROW(AccessFolder{path_}, std::runtime_error);
  std::filesystem::create_symlink(path_, folder_.path() / "link");
  EXPECT_THROW(AccessFolder{(folder_.path() / "link").string()}, std::runtime_error);
}

// The folder is the user's own, but a disk can be full and a person can edit.
TEST_F(WebAccess, DamagedFilesCostNothingElse) {
  const auto [grant, secret] = issued(access_, grant_for(seconds(60)));
  const std::string id = "0123456789ab";
  const std::string random(64, '0');
  for (const auto& content :
       {std::string(), std::string("{"), std::string("[]"), std::string(10'000, '{'),
        std::string(R"({"kind":"king","secret":")" + random + R"("})"),
        std::string(R"({"kind":"ticket","secret":7,"createdAt":7,"expiresAt":7})"),
        std::string(R"({"kind":"ticket","secret":"","createdAt":"2026-01-01T00:00:00.000Z",)"
                    R"("expiresAt":"2999-01-01T00:00:00.000Z"})")}) {
    test::write_file(std::filesystem::path(path_) / (id + ".json"), content);
    EXPECT_FALSE(access_.find(id + "." + random)) << content;
    EXPECT_FALSE(access_.find(id + ".")) << content;
    EXPECT_EQ(access_.list().size(), 1U);
  }
  EXPECT_TRUE(access_.find(secret));
}

TEST_F(WebAccess, ThereAreNotAnyNumberOfThem) {
  std::string problem;
  int made = 0;
  while (made < 2000 && access_.issue(grant_for(seconds(60)), problem)) ++made;
  EXPECT_EQ(made, 500);
  EXPECT_NE(problem.find("revoke some"), std::string::npos) << problem;
}

TEST_F(WebAccess, TellsWhenOneIsRevoked) {
  int removed = 0;
  access_.watch(loop_, [&] { ++removed; });
  const auto [grant, secret] = issued(access_, grant_for(seconds(60)));
  AccessFolder(path_).revoke(grant.id);
  EXPECT_TRUE(test::run_until(loop_, [&] { return removed > 0; }));
}

TEST(WebAccessFolder, IsWhereTheServiceManagerOrTheLoginSays) {
  const auto folder = [](const std::string& configured, const char* runtime, const char* xdg) {
    std::string problem;
    return access_folder(
               configured,
               [=](const std::string& name) -> const char* {
                 if (name == "RUNTIME_DIRECTORY") return runtime;
                 return name == "XDG_RUNTIME_DIR" ? xdg : nullptr;
               },
               problem)
        .value_or("problem: " + problem);
  };
  EXPECT_EQ(folder("/a", "/b", "/c"), "/a");
  EXPECT_EQ(folder("", "/b", "/c"), "/b");
  EXPECT_EQ(folder("", nullptr, "/c"), "/c/ptyd-web");
  EXPECT_TRUE(folder("", nullptr, nullptr).starts_with("problem: there is neither"));
}

}  // namespace
}  // namespace ptyd::web
