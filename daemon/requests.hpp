// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/event_loop.hpp"
#include "common/message.hpp"
#include "daemon/access.hpp"

namespace ptyd {

class Requests;

// One request that is owed an answer. Its front end owns it and tells it how it was answered; one
// that goes unanswered has lost its asker.
class Request {
 public:
  enum class Kind {
    kBrief,  // a stop lets it finish, see stop.request_timeout
    kWaits,  // may take for ever, so that a stop refuses it
  };

  // Answers the request with the error, as its front end does it.
  using Refuse = std::function<void(Request&, const Error&)>;

  ~Request();
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  // Of this daemon, for PTYD_REQUEST_ID: "17".
  [[nodiscard]] const std::string& id() const { return id_; }
  // To be called before the answer is sent: false when it has been answered already.
  [[nodiscard]] bool succeed() { return finish(nullptr); }
  [[nodiscard]] bool fail(ErrorCode code) { return finish(to_string(code)); }

 private:
  friend class Requests;
  Request(Requests& requests, std::uint64_t number, std::string method, std::string caller,
          Kind kind);
  bool finish(const char* outcome);

  Requests& requests_;
  const std::uint64_t number_;
  const std::string id_;
  const std::string method_;
  const std::string caller_;
  const Kind kind_;
  const Clock::time_point begun_;
  Refuse refuse_;
  bool answered_ = false;
};

// The requests of all front ends: numbered, counted, and at the end of the daemon refused rather
// than forgotten. Must outlive them.
class Requests {
 public:
  struct Counts {
    std::uint64_t begun = 0;
    std::uint64_t finished = 0;
    Clock::duration time{};  // that the finished ones took
  };

  // Called when the last of the brief ones has been answered, whenever that happens.
  void set_on_brief_done(std::function<void()> callback) { on_brief_done_ = std::move(callback); }
  // `method` is one of a fixed number of names. `refuse` is called at most once, when the daemon
  // ends, and must not keep the request alive.
  std::shared_ptr<Request> begin(std::string method, const Caller& caller, Request::Kind kind,
                                 Request::Refuse refuse);
  // Answers all that are left.
  void refuse_all(const Error& error);

  [[nodiscard]] std::size_t in_flight() const { return open_.size(); }
  [[nodiscard]] std::size_t brief() const { return brief_; }
  [[nodiscard]] const std::map<std::string, Counts>& by_method() const { return by_method_; }
  // By the error's code, and "abandoned" for those whose asker left.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& failures() const { return failures_; }

 private:
  friend class Request;
  void on_finished(const Request& request, const char* outcome);
  void log_brief() const;

  std::function<void()> on_brief_done_;
  std::uint64_t last_number_ = 0;
  std::size_t brief_ = 0;
  std::map<std::uint64_t, Request*> open_;  // in the order in which they came
  std::map<std::string, Counts> by_method_;
  std::map<std::string, std::uint64_t> failures_;
};

}  // namespace ptyd
