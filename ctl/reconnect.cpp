// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ctl/reconnect.hpp"

#include <algorithm>
#include <utility>

#include "common/text.hpp"
#include "ctl/session_view.hpp"

namespace ptyd {
namespace {

constexpr std::chrono::seconds kReconnectTime{10};
constexpr std::chrono::milliseconds kFirstPause{20};
constexpr std::chrono::milliseconds kLongestPause{500};
// The daemon takes 64 unanswered requests of one connection.
constexpr std::size_t kMaxAtOnce = 32;

class LongCalls {
 public:
  using OnReply = std::function<void(const std::string&, const Reply&)>;
  LongCalls(EventLoop& loop, std::string path, Connection::Request request, const OnReply& on_reply)
      : loop_(loop), path_(std::move(path)), request_(std::move(request)), on_reply_(on_reply) {}

  int run(const std::vector<std::string>& sessions) {
    for (const auto& session : sessions) calls_.push_back({session, {}, State::kWaiting});
    std::string problem;
    connection_ = Connection::open(loop_, path_, problem);
    if (!connection_) return fail(problem);
    listen();
    while (answered_ < calls_.size()) {
      begin_some();
      loop_.run_once(std::chrono::milliseconds(-1));
      if (!connection_->lost() || answered_ == calls_.size()) continue;
      // It was refused, and would be again.
      if (!connection_->why_lost().empty()) return fail(connection_->why_lost());
      if (stopped_) return fail("ptyd has been stopped");
      for (auto& call : calls_)
        if (call.state == State::kAsked) call.state = State::kWaiting;
      connection_ = reconnect(loop_, path_, problem);
      if (!connection_) return fail(problem);
      listen();
    }
    return kSucceeded;
  }

 private:
  enum class State { kWaiting, kAsked, kAnswered };
  struct Call {
    std::string session;  // as it was given
    std::string id;       // once known
    State state = State::kWaiting;
  };

  // A daemon that says so is not to be brought back by its socket.
  void listen() {
    connection_->set_on_event([this](const Json& event) {
      if (text_of(event, "type") == "server.shutdown") stopped_ = true;
    });
  }

  static int fail(const std::string& problem) {
    print_error(problem);
    return kFailed;
  }

  void begin_some() {
    auto asked = static_cast<std::size_t>(std::count_if(
        calls_.begin(), calls_.end(), [](const Call& c) { return c.state == State::kAsked; }));
    for (auto& call : calls_) {
      if (asked == kMaxAtOnce) return;
      if (call.state != State::kWaiting) continue;
      ++asked;
      call.state = State::kAsked;
      call.id.empty() ? resolve(call) : ask(call);
    }
  }

  void resolve(Call& call) {
    const Json params{{"session", call.session}, {"fields", {"id"}}};
    connection_->begin_call({"status", params}, [&](const Reply& reply) {
      if (reply.failure) return on_answer(call, reply);
      call.id = text_of(reply.result, "id");
      ask(call);
    });
  }

  void ask(Call& call) {
    request_.params["session"] = call.id;
    connection_->begin_call(request_, [&](const Reply& reply) { on_answer(call, reply); });
  }

  void on_answer(Call& call, const Reply& reply) {
    // Of a daemon that makes way for another; run() asks that one.
    if (reply.failure && (reply.failure->code == kConnectionLost ||
                          reply.failure->code == to_string(ErrorCode::kRestarting)))
      return;
    call.state = State::kAnswered;
    ++answered_;
    on_reply_(call.session, reply);
  }

  EventLoop& loop_;
  std::string path_;
  Connection::Request request_;
  const OnReply& on_reply_;
  std::vector<Call> calls_;  // complete before the first is asked: callbacks refer to them
  std::size_t answered_ = 0;
  bool stopped_ = false;
  std::unique_ptr<Connection> connection_;
};

}  // namespace

std::unique_ptr<Connection> reconnect(EventLoop& loop, const std::string& path,
                                      std::string& problem) {
  const auto deadline = Clock::now() + kReconnectTime;
  for (Clock::duration wait = kFirstPause;;
       wait = std::min<Clock::duration>(2 * wait, kLongestPause)) {
    pause(loop, wait);
    if (auto connection = Connection::open(loop, path, problem)) return connection;
    if (Clock::now() >= deadline) break;
  }
  problem = "the daemon closed the connection, and none came back within " +
            format_duration(kReconnectTime) + ": " + problem;
  return nullptr;
}

int call_until_answered(
    const GlobalOptions& global, const Connection::Request& request,
    const std::vector<std::string>& sessions,
    const std::function<void(const std::string& session, const Reply& reply)>& on_reply) {
  const auto path = find_socket(global);
  if (!path) return kFailed;
  EventLoop loop;
  return LongCalls(loop, *path, request, on_reply).run(sessions);
}

}  // namespace ptyd
