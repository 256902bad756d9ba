// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "daemon/core.hpp"
#include "dbus/bus_connection.hpp"
#include "dbus/bus_values.hpp"
#include "dbus/callers.hpp"

namespace ptyd {

template <typename... Values>
class Reply;

// The method calls that are owed an answer. They are owned here, and not by who answers, because an
// sdbus result must not outlive its connection, but a session may end long after that has gone.
class Calls {
 public:
  // Of one user. It is as for the connections to the socket, of which a user may have several.
  static constexpr std::size_t kMaxUnanswered = 256;

  using Kind = Request::Kind;
  // Not deduced, so that it may be given as a lambda.
  template <typename... Values>
  using Handler = std::type_identity_t<std::function<void(const Caller&, const Reply<Values...>&)>>;

  Calls(BusConnection& connection, Requests& requests)
      : connection_(connection), requests_(requests), callers_(connection) {}

  // Takes the call that `object` is handling right now, and calls the handler with who has made it,
  // now or from the loop.
  template <typename... Values>
  void begin(const sdbus::IObject& object, sdbus::Result<Values...>&& result, Kind kind,
             Handler<Values...> handler);

 private:
  template <typename... Values>
  friend class Reply;

  struct Call {
    virtual ~Call() = default;
    virtual void fail(const sdbus::Error& error) = 0;
    std::optional<uid_t> uid;  // who it is counted for
    std::shared_ptr<Request> request;
  };
  template <typename... Values>
  struct TypedCall final : Call {
    explicit TypedCall(sdbus::Result<Values...>&& r) : result(std::move(r)) {}
    void fail(const sdbus::Error& error) override { result.returnError(error); }
    sdbus::Result<Values...> result;
  };

  // Counts it for its user, and gives the caller its request's id; false when the user has too
  // many.
  bool admit(const std::shared_ptr<Call>& call, Caller& caller, const std::string& method,
             Kind kind);
  // Gives up the ownership. False when it has been answered already.
  bool finish(const std::shared_ptr<Call>& call, std::optional<ErrorCode> failure);
  void refuse(const std::shared_ptr<Call>& call, const Error& error);

  BusConnection& connection_;
  Requests& requests_;
  Callers callers_;
  std::set<std::shared_ptr<Call>> unanswered_;
  std::map<uid_t, std::size_t> unanswered_of_;
};

// Answers one call, at most once, and only while the bus is there. May be copied and kept.
template <typename... Values>
class Reply {
 public:
  void send(Values... values) const {
    answer(std::nullopt, [values = std::make_tuple(std::move(values)...)](const auto& result) {
      std::apply([&](const auto&... v) { result.returnResults(v...); }, values);
    });
  }
  void fail(const Error& error) const {
    answer(error.code,
           [error = bus_error(error)](const auto& result) { result.returnError(error); });
  }
  // Alive until it is answered.
  [[nodiscard]] std::weak_ptr<void> owner() const { return call_; }

 private:
  friend class Calls;
  using TypedCall = Calls::TypedCall<Values...>;
  Reply(Calls& calls, std::weak_ptr<TypedCall> call) : calls_(calls), call_(std::move(call)) {}

  template <typename Answer>
  void answer(std::optional<ErrorCode> failure, Answer answer) const {
    const auto call = call_.lock();
    if (!call || !calls_.finish(call, failure)) return;
    calls_.connection_.send([call, answer = std::move(answer)] { answer(call->result); });
  }

  Calls& calls_;  // outlives the call
  std::weak_ptr<TypedCall> call_;
};

template <typename... Values>
void Calls::begin(const sdbus::IObject& object, sdbus::Result<Values...>&& result, Kind kind,
                  Handler<Values...> handler) {
  auto call = std::make_shared<TypedCall<Values...>>(std::move(result));
  const std::weak_ptr<TypedCall<Values...>> weak = call;
  unanswered_.insert(std::move(call));
  const Reply<Values...> reply(*this, weak);
  const auto sender = sdbus_compat::sender(object);
  const auto method = sdbus_compat::member(object);
  callers_.look_up(sender, [this, weak, reply, sender, method, kind,
                            handler = std::move(handler)](std::optional<uid_t> uid) {
    const auto owed = weak.lock();
    if (!owed) return;
    if (!uid) return reply.fail({ErrorCode::kDenied, "the bus does not say who you are"});
    Caller caller{*uid, sender};
    if (!admit(owed, caller, method, kind))
      return reply.fail({ErrorCode::kLimit, "too many of your calls are unanswered"});
    handler(caller, reply);
  });
}

}  // namespace ptyd
