// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/requests.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace ptyd {
namespace {

const Caller kCaller{.uid = 1000, .label = "client 7"};

class RequestsTest : public testing::Test {
 protected:
  std::shared_ptr<Request> begin(const std::string& method,
                                 Request::Kind kind = Request::Kind::kBrief) {
    return requests.begin(method, kCaller, kind, [this](Request& request, const Error& error) {
      refused.push_back(request.id());
      EXPECT_TRUE(request.fail(error.code));
    });
  }

  Requests requests;
  std::vector<std::string> refused;
};

TEST_F(RequestsTest, AreNumberedAndCountedByMethod) {
  const auto first = begin("list");
  const auto second = begin("list");
  const auto third = begin("create");
  EXPECT_EQ(first->id(), "1");
  EXPECT_EQ(third->id(), "3");
  EXPECT_EQ(requests.in_flight(), 3U);
  EXPECT_TRUE(second->succeed());
  EXPECT_TRUE(third->fail(ErrorCode::kExists));
  EXPECT_EQ(requests.in_flight(), 1U);
  EXPECT_EQ(requests.by_method().at("list").begun, 2U);
  EXPECT_EQ(requests.by_method().at("list").finished, 1U);
  EXPECT_EQ(requests.by_method().at("create").finished, 1U);
  EXPECT_EQ(requests.failures(), (std::map<std::string, std::uint64_t>{{"exists", 1}}));
}

TEST_F(RequestsTest, AreAnsweredOnce) {
  const auto request = begin("list");
  EXPECT_TRUE(request->succeed());
  EXPECT_FALSE(request->succeed());
  EXPECT_FALSE(request->fail(ErrorCode::kExists));
  EXPECT_TRUE(requests.failures().empty());
  EXPECT_EQ(requests.by_method().at("list").finished, 1U);
}

TEST_F(RequestsTest, WhoLeavesIsCountedAsSuch) {
  begin("capture").reset();
  EXPECT_EQ(requests.in_flight(), 0U);
  EXPECT_EQ(requests.failures(), (std::map<std::string, std::uint64_t>{{"abandoned", 1}}));
}

TEST_F(RequestsTest, TheLastBriefOneIsReported) {
  int done = 0;
  requests.set_on_brief_done([&] { ++done; });
  const auto waits = begin("wait", Request::Kind::kWaits);
  const auto one = begin("list");
  auto two = begin("status");
  EXPECT_EQ(requests.brief(), 2U);
  EXPECT_TRUE(one->succeed());
  EXPECT_EQ(done, 0);
  two.reset();
  EXPECT_EQ(done, 1);
  EXPECT_EQ(requests.brief(), 0U);
  EXPECT_EQ(requests.in_flight(), 1U);
}

TEST_F(RequestsTest, AtTheEndAllAreRefusedInOrder) {
  const auto waits = begin("wait", Request::Kind::kWaits);
  const auto brief = begin("capture");
  const auto answered = begin("list");
  EXPECT_TRUE(answered->succeed());
  requests.refuse_all({ErrorCode::kShuttingDown, "ptyd is shutting down"});
  EXPECT_EQ(refused, (std::vector<std::string>{waits->id(), brief->id()}));
  EXPECT_EQ(requests.in_flight(), 0U);
  EXPECT_EQ(requests.failures(), (std::map<std::string, std::uint64_t>{{"shutting-down", 2}}));
}

// Refusing one request closed the connection of another, and its owner took that one along.
TEST_F(RequestsTest, OneThatGoesWhileAnotherIsRefusedIsNotRefused) {
  std::shared_ptr<Request> second;
  const auto first = requests.begin("wait", kCaller, Request::Kind::kWaits,
                                    [&](Request& request, const Error& error) {
                                      EXPECT_TRUE(request.fail(error.code));
                                      second.reset();
                                    });
  second = begin("wait", Request::Kind::kWaits);
  requests.refuse_all({ErrorCode::kShuttingDown, "ptyd is shutting down"});
  EXPECT_TRUE(refused.empty());
  EXPECT_EQ(requests.in_flight(), 0U);
}

// Who is asked to refuse may not be able to, when its client has left.
TEST_F(RequestsTest, OneThatCannotBeRefusedDoesNotHoldUpTheOthers) {
  const auto lost =
      requests.begin("wait", kCaller, Request::Kind::kWaits, [](Request&, const Error&) {});
  const auto other = begin("wait", Request::Kind::kWaits);
  requests.refuse_all({ErrorCode::kShuttingDown, "ptyd is shutting down"});
  EXPECT_EQ(refused, std::vector<std::string>{other->id()});
  EXPECT_EQ(requests.in_flight(), 0U);
}

}  // namespace
}  // namespace ptyd
