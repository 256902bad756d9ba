// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string_view>

#include "common/event_loop.hpp"
#include "common/frame_channel.hpp"
#include "common/protocol.hpp"
#include "daemon/result.hpp"

namespace ptyd {

// The control connection of one registered session host. What comes over it is checked for form
// here and for sense by whoever gets the callbacks. A host that breaks the protocol is cut off; if
// it is a real one, it connects again.
class HostLink {
 public:
  // A host that is well answers in milliseconds; this is for one that is stopped or swamped.
  static constexpr std::chrono::seconds kAnswerTimeout{5};
  // Requests of all clients together that one host may owe an answer.
  static constexpr std::size_t kMaxUnanswered = 1024;

  struct Callbacks {
    std::function<void(const Started&, UniqueFd scrollback)> on_started;
    std::function<void(const StartFailed&)> on_start_failed;
    std::function<void(const HostStatus&)> on_status;
    std::function<void(const HostEnded&)> on_ended;
    std::function<void()> on_closed;  // may destroy the link
  };
  using Answer = std::function<void(Result<std::uint32_t> value)>;

  HostLink(EventLoop& loop, std::unique_ptr<FrameChannel> channel, Callbacks callbacks);
  // Unanswered requests are completed with "host-lost".
  ~HostLink();

  void confirm_registration();
  void send_spec(const SessionSpec& spec);
  void release();
  // False when the host does not read: what waits for it would only use up descriptors.
  [[nodiscard]] bool pass_client(const PassClient& client, UniqueFd connection);
  // Whether it ever got one, which may attach later than its host's last word on how many do.
  [[nodiscard]] bool has_passed_client() const { return has_passed_client_; }
  void notice(std::string_view json);
  void input(std::span<const std::uint8_t> data, Answer answer);
  void signal(int signal, Answer answer);
  void terminate(std::chrono::milliseconds timeout, Answer answer);
  void resize(TerminalSize size, Answer answer);
  void detach(Answer answer);
  // The screen as text, as ScrollbackReader reads it; of a host that is not trusted.
  void capture(bool with_style, const std::function<void(Result<UniqueFd>)>& done);

 private:
  struct Unanswered {
    Clock::time_point deadline;
    Answer answer;
  };

  template <typename Request>
  void ask(Request request, Answer answer);
  void on_frame(const Frame& frame);
  void on_done(const Done& done);
  void on_timeout();
  void violation(const char* what);
  void arm();

  std::unique_ptr<FrameChannel> channel_;
  Callbacks callbacks_;
  std::map<std::uint32_t, Unanswered> unanswered_;  // in order of their deadlines, too
  std::uint32_t last_request_ = 0;
  bool has_passed_client_ = false;
  Timer timeout_;
};

}  // namespace ptyd
