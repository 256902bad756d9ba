// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/terminal_socket.hpp"

#include <algorithm>
#include <utility>

namespace ptyd::web {
namespace {

constexpr std::chrono::milliseconds kRetryPause{100};

std::optional<TerminalSize> size_of(const Json& json) {
  const auto rows = number_of(json, "rows");
  const auto columns = number_of(json, "columns");
  if (rows < 1 || rows > kMaxTerminalSide || columns < 1 || columns > kMaxTerminalSide)
    return std::nullopt;
  return TerminalSize{static_cast<std::uint16_t>(rows), static_cast<std::uint16_t>(columns)};
}

}  // namespace

std::optional<TerminalMessage> parse_terminal_message(std::span<const std::uint8_t> text,
                                                      std::string& problem) {
  const auto message = decode_message(text);
  if (!message || !message->body.empty()) {
    problem = "a text message must be a JSON object";
    return std::nullopt;
  }
  TerminalMessage parsed;
  const auto type = text_of(message->json, "type");
  if (type == "resize") {
    parsed.resize = size_of(message->json);
    if (!parsed.resize) problem = "resize needs rows and columns";
  } else if (type == "drawn") {
    const auto bytes = message->json.find("bytes");
    if (bytes != message->json.end() && bytes->is_number_unsigned())
      parsed.drawn = bytes->get<std::uint64_t>();
    if (!parsed.drawn) problem = "drawn needs bytes";
  } else {
    problem = "the type of a message must be resize or drawn";
  }
  if (!problem.empty()) return std::nullopt;
  return parsed;
}

TerminalSocket::TerminalSocket(Owner& owner, Stream stream, Grant grant, DaemonLink& link,
                               TerminalOptions options)
    : WebSocket(owner, std::move(stream), std::move(grant)),
      link_(link),
      options_(std::move(options)),
      problem_("the daemon does not answer"),
      retry_timer_(owner.loop, [this] { connect(); }),
      patience_(owner.loop, [this] { fail(kConnectionLost, problem_); }) {}

void TerminalSocket::on_open() {
  if (link_.stopping()) return close(kGoingAway, "the daemon is shutting down");
  patience_.start(DaemonLink::kPatience);
  if (grant().session.empty()) return connect();
  check_session();
}

// A grant for one session may name it by its name, which only the daemon knows.
void TerminalSocket::check_session() {
  link_.call(
      {.method = "status",
       .params = {{"session", options_.session}},
       .on_reply =
           [weak = weak_as<TerminalSocket>()](const Reply& reply) {
             const auto self = weak.lock();
             if (!self || !self->open()) return;
             if (reply.failure) return self->fail(reply.failure->code, reply.failure->message);
             if (!self->grant().covers(text_of(reply.result, "id"), text_of(reply.result, "name")))
               return self->fail(to_string(ErrorCode::kNotFound), "no such session");
             // A name may come to mean another one.
             self->options_.session = text_of(reply.result, "id");
             self->connect();
           },
       .repeatable = true});
}

void TerminalSocket::connect() {
  std::string problem;
  auto socket = connect_to_daemon(link_.socket(), problem);
  if (!socket) return try_again(problem);
  connection_ = std::make_unique<RequestChannel>(
      loop(), std::move(socket), software_name(),
      RequestChannel::Callbacks{.on_greeted = [this] { attach(); },
                                .on_lost =
                                    [this] {
                                      const auto why = connection_->why_lost();
                                      drop_connection();
                                      try_again(why);
                                    }});
}

void TerminalSocket::attach() {
  channel_ = &connection_->take_over({[this](const Frame& frame) { on_frame(frame); },
                                      [this](const std::string& reason) { on_gone(reason); },
                                      [this] { update_flow(); }});
  Json params{{"session", options_.session}};
  if (options_.read_only || grant().read_only) params["readOnly"] = true;
  if (options_.size) {
    params["rows"] = options_.size->rows;
    params["columns"] = options_.size->columns;
  }
  if (options_.position) params["position"] = *options_.position;
  channel_->send(FrameType::kRequest,
                 encode_message({{"id", 1}, {"method", "attach"}, {"params", params}}));
}

void TerminalSocket::try_again(const std::string& problem) {
  if (!open()) return;
  if (link_.stopping()) return close(kGoingAway, "the daemon is shutting down");
  problem_ = problem;
  retry_timer_.start(kRetryPause);
}

void TerminalSocket::drop_connection() {
  channel_ = nullptr;
  if (!connection_) return;
  connection_->take_over({[](const Frame&) {}, {}, {}});
  // This may be a call of its own.
  loop().post([gone = std::shared_ptr<RequestChannel>(std::move(connection_))] {});
}

void TerminalSocket::on_closed() {
  retry_timer_.stop();
  patience_.stop();
  drop_connection();
}

void TerminalSocket::on_frame(const Frame& frame) {
  if (!open()) return;
  switch (frame.type) {
    case FrameType::kReply: return on_reply(frame);
    case FrameType::kAttached: return on_attached(frame);
    case FrameType::kRestore: return show(kRestore, frame.payload);
    case FrameType::kOutput: return show(kOutput, frame.payload);
    case FrameType::kGap:
      if (const auto gap = decode<Gap>(frame.payload))
        send({{"type", "gap"}, {"missed", gap->missed}});
      return;
    case FrameType::kNotice:
      if (const auto notice = decode_message(frame.payload)) send(notice->json);
      return;
    case FrameType::kDetached: {
      const auto detached = decode<Detached>(frame.payload);
      send({{"type", "detached"}, {"reason", detached ? detached->reason : std::string()}});
      return close(kNormal, "detached");
    }
    case FrameType::kEnded: {
      const auto ended = decode<Ended>(frame.payload).value_or(Ended());
      const bool exited = ended.kind == EndKind::kExited;
      send({{"type", "ended"},
            {"exitStatus", exited ? Json(ended.value) : Json(nullptr)},
            {"signal", exited ? Json(nullptr) : Json(signal_name(ended.value))}});
      return close(kNormal, "ended");
    }
    case FrameType::kError: {
      const auto error = decode<ProtocolError>(frame.payload).value_or(ProtocolError());
      return fail(error.code, error.message);
    }
    default: return;  // of a newer version: nothing that was asked for
  }
}

void TerminalSocket::on_reply(const Frame& frame) {
  if (attached_) return;
  const auto message = decode_message(frame.payload);
  const auto error = message ? message->json.value("error", Json::object()) : Json::object();
  const auto code = text_of(error, "code");
  if (code != to_string(ErrorCode::kRestarting)) return fail(code, text_of(error, "message"));
  drop_connection();
  try_again(text_of(error, "message"));
}

void TerminalSocket::on_attached(const Frame& frame) {
  const auto attached = decode<Attached>(frame.payload);
  if (!attached || std::exchange(attached_, true)) return;
  patience_.stop();
  send({{"type", "attached"},
        {"id", attached->id},
        {"name", attached->name},
        {"rows", attached->rows},
        {"columns", attached->columns},
        {"readOnly", attached->read_only != 0},
        {"position", attached->position},
        {"resumed", attached->resumed != 0}});
}

void TerminalSocket::on_gone(const std::string& reason) {
  drop_connection();
  if (!open()) return;
  if (!attached_) return try_again(reason.empty() ? "the daemon closed the connection" : reason);
  fail(to_string(ErrorCode::kHostLost), "the session host has gone");
}

void TerminalSocket::fail(const std::string& code, const std::string& message) {
  retry_timer_.stop();
  if (code == to_string(ErrorCode::kShuttingDown)) return close(kGoingAway, message);
  send({{"type", "error"}, {"code", code}, {"message", message}});
  close(code == to_string(ErrorCode::kLimit) ? kTryLater : kNormal, code);
}

void TerminalSocket::on_message(std::span<const std::uint8_t> bytes, bool is_text) {
  if (!is_text) return type(bytes);
  std::string problem;
  const auto message = parse_terminal_message(bytes, problem);
  if (!message) return violation(problem);
  if (message->resize) {
    options_.size = message->resize;
    if (attached_ && channel_ != nullptr)
      channel_->send(FrameType::kResize,
                     encode(Resize{message->resize->rows, message->resize->columns}));
  }
  if (message->drawn) {
    if (*message->drawn < drawn_ || *message->drawn > sent_)
      return violation("what was drawn was not sent");
    drawn_ = *message->drawn;
    update_flow();
  }
}

// A read-only client's input is ignored by the session host.
void TerminalSocket::type(std::span<const std::uint8_t> bytes) {
  if (!attached_ || channel_ == nullptr) return;
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(bytes.size(), kMaxInputPiece));
    channel_->send(FrameType::kInput, piece);
    bytes = bytes.subspan(piece.size());
  }
  update_flow();
}

void TerminalSocket::show(std::uint8_t kind, std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  sent_ += bytes.size();
  send_binary(kind, bytes);
  update_flow();
}

void TerminalSocket::update_flow() {
  if (channel_ == nullptr || !open()) return;
  if (sent_ - drawn_ > kWindow || queued() > kWindow)
    channel_->pause_reading();
  else
    channel_->resume_reading();
  if (channel_->queued() > kMaxTyped)
    pause_reading();
  else
    resume_reading();
}

// The host tells its viewers of the daemon's stop; this is for those it has not got yet, and of the
// gateway's own.
void TerminalSocket::on_event(const Json& event) {
  if (!attached_ || event.contains("gateway")) send(event);
}

}  // namespace ptyd::web
