// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/host_link.hpp"

#include <system_error>

#include "common/service/log.hpp"

namespace ptyd {

HostLink::HostLink(EventLoop& loop, std::unique_ptr<FrameChannel> channel, Callbacks callbacks)
    : channel_(std::move(channel)),
      callbacks_(std::move(callbacks)),
      timeout_(loop, [this] { on_timeout(); }) {
  channel_->set_callbacks({
      .on_frame = [this](const Frame& frame) { on_frame(frame); },
      .on_closed =
          [this](const std::string& reason) {
            if (!reason.empty()) log::warn("Session host: " + reason);
            const auto closed = callbacks_.on_closed;
            closed();
          },
      .on_drained = {},
  });
}

HostLink::~HostLink() {
  const auto unanswered = std::exchange(unanswered_, {});
  for (const auto& [request, entry] : unanswered)
    entry.answer(Error{ErrorCode::kHostLost, "the session host is gone"});
}

void HostLink::confirm_registration() { channel_->send(FrameType::kRegistered, {}); }

void HostLink::send_spec(const SessionSpec& spec) {
  channel_->send(SessionSpec::kType, encode(spec));
}

void HostLink::release() { channel_->send(FrameType::kRelease, {}); }

bool HostLink::pass_client(const PassClient& client, UniqueFd connection) {
  if (channel_->queued() != 0) return false;
  channel_->send(PassClient::kType, encode(client), std::move(connection));
  has_passed_client_ = true;
  return true;
}

void HostLink::notice(std::string_view json) {
  channel_->send(FrameType::kHostNotice, as_bytes(json));
}

void HostLink::input(std::span<const std::uint8_t> data, Answer answer) {
  ask(HostInput{0, Bytes(data.begin(), data.end())}, std::move(answer));
}

void HostLink::signal(int signal, Answer answer) { ask(HostSignal{0, signal}, std::move(answer)); }

void HostLink::terminate(std::chrono::milliseconds timeout, Answer answer) {
  ask(HostTerminate{0, static_cast<std::uint32_t>(timeout.count())}, std::move(answer));
}

void HostLink::resize(TerminalSize size, Answer answer) {
  ask(HostResize{0, size.rows, size.columns}, std::move(answer));
}

void HostLink::detach(Answer answer) { ask(HostDetach{0}, std::move(answer)); }

void HostLink::capture(bool with_style, const std::function<void(Result<UniqueFd>)>& done) {
  ask(HostCapture{0, with_style ? std::uint8_t{1} : std::uint8_t{0}},
      [this, done](const Result<std::uint32_t>& answer) {
        answer ? done(channel_->take_fd()) : done(answer.error());
      });
}

template <typename Request>
void HostLink::ask(Request request, Answer answer) {
  if (unanswered_.size() >= kMaxUnanswered) {
    answer(Error{ErrorCode::kLimit, "too many requests wait for this session"});
    return;
  }
  request.request = ++last_request_;
  unanswered_[request.request] = {Clock::now() + kAnswerTimeout, std::move(answer)};
  channel_->send(Request::kType, encode(request));
  arm();
}

void HostLink::on_frame(const Frame& frame) {
  const auto handle = [&]<typename Message>(const auto& handler) {
    if (const auto message = decode<Message>(frame.payload))
      handler(*message);
    else
      violation("a frame that is cut short");
  };
  switch (frame.type) {
    case FrameType::kStarted:
      return handle.template operator()<Started>(
          [this](const Started& m) { callbacks_.on_started(m, channel_->take_fd()); });
    case FrameType::kStartFailed:
      return handle.template operator()<StartFailed>(callbacks_.on_start_failed);
    case FrameType::kStatus: return handle.template operator()<HostStatus>(callbacks_.on_status);
    case FrameType::kHostEnded: return handle.template operator()<HostEnded>(callbacks_.on_ended);
    case FrameType::kDone:
      return handle.template operator()<Done>([this](const Done& m) { on_done(m); });
    default: return violation("a frame that a session host does not send");
  }
}

void HostLink::on_done(const Done& done) {
  auto node = unanswered_.extract(done.request);
  if (node.empty()) return;  // came after its timeout
  arm();
  const auto answer = std::move(node.mapped().answer);
  if (done.error == 0) return answer(done.value);
  const auto error = static_cast<int>(done.error);
  answer(Error{ErrorCode::kInternal, std::generic_category().message(error), error});
}

void HostLink::on_timeout() {
  while (!unanswered_.empty() && unanswered_.begin()->second.deadline <= Clock::now()) {
    const auto answer = std::move(unanswered_.begin()->second.answer);
    unanswered_.erase(unanswered_.begin());
    answer(Error{ErrorCode::kTimeout, "the session host does not answer"});
  }
  arm();
}

void HostLink::violation(const char* what) {
  log::warn(std::string("Session host sent ") + what + "; closing its connection", {},
            log::Event::kProtocolViolation);
  channel_->close_after_flush();
}

void HostLink::arm() {
  if (unanswered_.empty())
    timeout_.stop();
  else
    timeout_.start(unanswered_.begin()->second.deadline - Clock::now());
}

}  // namespace ptyd
