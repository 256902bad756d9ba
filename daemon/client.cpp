// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/client.hpp"

#include <fcntl.h>
#include <signal.h>

#include <algorithm>

#include "common/protocol.hpp"
#include "common/service/log.hpp"
#include "daemon/metrics.hpp"
#include "daemon/params.hpp"
#include "daemon/session_fields.hpp"

namespace ptyd {
namespace {

// Of bytes in one ITEM: leaves room in the frame for the JSON before it.
constexpr std::size_t kPiece = 32 * 1024;
constexpr std::size_t kMaxSendBytes = 32 * 1024;

std::optional<TerminalSize> read_size(Params& params) {
  const auto rows = params.number("rows", kMaxTerminalSide);
  const auto columns = params.number("columns", kMaxTerminalSide);
  if (!rows || !columns) return std::nullopt;
  return TerminalSize{static_cast<std::uint16_t>(*rows), static_cast<std::uint16_t>(*columns)};
}

Restore read_restore(Params& params) {
  const auto word = params.text("restore");
  if (word.empty()) return Restore::kDefault;
  const auto restore = parse_restore(word);
  if (!restore) params.wrong("restore", "screen, tail or none");
  return restore.value_or(Restore::kDefault);
}

// What an answer is to tell of a session.
SessionFields read_fields(Params& params) {
  auto fields = SessionFields::named(params.texts("fields"));
  if (fields) return *std::move(fields);
  params.wrong("fields", ("keys of a session: " + fields.error().message).c_str());
  return {};
}

}  // namespace

const Client::Method Client::kMethods[] = {
    {"create", &Client::create},
    {"list", &Client::list},
    {"status", &Client::status},
    {"attach", &Client::attach},
    {"detach", &Client::detach},
    {"send", &Client::send},
    {"capture", &Client::capture},
    {"wait", &Client::wait, Request::Kind::kWaits},
    {"terminate", &Client::terminate, Request::Kind::kWaits},
    {"kill", &Client::kill},
    {"restart", &Client::restart},
    {"resize", &Client::resize},
    {"drain", &Client::drain},
    {"cancel-drain", &Client::cancel_drain},
    {"queue", &Client::queue},
    {"queue.remove", &Client::remove_queued},
    {"health", &Client::health},
    {"metrics", &Client::metrics},
    {"monitor", &Client::monitor},
};

Client::Client(Core& core, FrameChannel& channel, Caller caller, std::uint64_t number,
               std::function<void()> on_passed_on)
    : core_(core),
      channel_(channel),
      caller_(std::move(caller)),
      number_(number),
      on_passed_on_(std::move(on_passed_on)) {}

void Client::Pending::reply(const Json& result) const {
  const auto alive = client.lock();
  if (!alive || !request->succeed()) return;
  --alive->unanswered_;
  alive->channel_.send(FrameType::kReply, encode_message({{"id", id}, {"result", result}}));
}

void Client::Pending::reply_session(const Result<SessionPtr>& session,
                                    const SessionFields& fields) const {
  session ? reply(fields.of(**session)) : fail(session.error());
}

void Client::Pending::fail(const Error& error) const {
  const auto alive = client.lock();
  if (alive && request->fail(error.code)) alive->refuse(id, error);
}

void Client::Pending::item(const Json& item, std::span<const std::uint8_t> body) const {
  const auto alive = client.lock();
  if (!alive) return;
  alive->channel_.send(FrameType::kItem, encode_message({{"id", id}, {"item", item}}, body));
}

void Client::Pending::reply_bytes(std::span<const std::uint8_t> bytes) const {
  for (auto rest = bytes; !rest.empty();) {
    const auto size = std::min(rest.size(), kPiece);
    item(Json::object(), rest.first(size));
    rest = rest.subspan(size);
  }
  reply({{"bytes", bytes.size()}});
}

void Client::refuse(std::int64_t id, const Error& error) {
  --unanswered_;
  channel_.send(FrameType::kReply, encode_message({{"id", id}, {"error", to_json(error)}}));
}

void Client::on_frame(const Frame& frame) {
  // No request carries a descriptor; a client that sends some wants to use ours up.
  if (channel_.take_fd()) return violation("a descriptor that nobody asked for");
  if (frame.type != FrameType::kRequest) return violation("a frame that a client does not send");
  if (attaching_) return violation("a request after an attach");
  const auto message = decode_message(frame.payload);
  if (!message) return violation("a request that is not a JSON object");
  dispatch(*message);
}

void Client::violation(const char* what) {
  if (const auto line = core_.misdeeds.pass(
          caller_.uid, caller_.label + " sent " + what + "; closing its connection");
      !line.empty())
    log::info(line, {{"PTYD_CLIENT", caller_.label}}, log::Event::kProtocolViolation);
  channel_.send(ProtocolError::kType,
                encode(ProtocolError{to_string(ErrorCode::kBadRequest),
                                     std::string("your program sent ") + what}));
  channel_.close_after_flush();
}

void Client::dispatch(const Message& message) {
  const auto id = message.json.find("id");
  const auto name = message.json.find("method");
  if (id == message.json.end() || !id->is_number_integer() || name == message.json.end() ||
      !name->is_string())
    return violation("a request without id or method");
  const auto wanted = name->get<std::string>();
  const auto* method = std::find_if(std::begin(kMethods), std::end(kMethods),
                                    [&](const Method& m) { return wanted == m.name; });
  const bool known = method != std::end(kMethods);
  Pending pending{weak_from_this(), id->get<std::int64_t>(), nullptr};
  pending.request = core_.requests.begin(
      known ? method->name : "unknown", caller_, known ? method->kind : Request::Kind::kBrief,
      [client = pending.client, id = pending.id](Request& request, const Error& error) {
        const auto alive = client.lock();
        if (alive && request.fail(error.code)) alive->refuse(id, error);
      });
  caller_.request = pending.request->id();
  ++unanswered_;
  if (unanswered_ > kMaxUnanswered)
    return pending.fail({ErrorCode::kLimit, "too many requests are unanswered"});
  if (!known)
    return pending.fail({ErrorCode::kUnsupported,
                         "this ptyd does not know the request '" + printable(wanted) + "'"});
  Params params(message.json);
  (this->*method->handler)(params, message, pending);
}

void Client::create(Params& params, const Message&, const Pending& pending) {
  CreateRequest request;
  request.name = params.text("name");
  request.command = params.texts("command");
  request.environment = params.assignments("environment");
  request.cwd = params.text("cwd");
  request.term = params.text("term");
  request.size = read_size(params).value_or(TerminalSize{});
  request.stop_input = params.text("stopInput");
  if (const auto ms = params.number("stopTimeoutMs"))
    request.stop_timeout = std::chrono::milliseconds(*ms);
  request.scrollback = params.number("scrollbackBytes", std::numeric_limits<std::int64_t>::max());
  request.on_drain = params.text("onDrain");
  request.queue = params.flag("queue");
  const auto fields = read_fields(params);
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  core_.sessions.create(caller_, request, [pending, fields](const Result<SessionPtr>& created) {
    pending.reply_session(created, fields);
  });
}

void Client::list(Params& params, const Message&, const Pending& pending) {
  const auto fields = read_fields(params);
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  const auto sessions = core_.sessions.registry().visible_to(caller_);
  const FrameChannel::Batch batch(channel_);
  for (const auto& session : sessions) pending.item(fields.of(*session));
  pending.reply({{"count", sessions.size()}});
}

void Client::status(Params& params, const Message&, const Pending& pending) {
  const auto session = params.required_text("session");
  const auto fields = read_fields(params);
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  pending.reply_session(core_.sessions.registry().find(caller_, session), fields);
}

void Client::attach(Params& params, const Message&, const Pending& pending) {
  const auto session = params.required_text("session");
  AttachOptions options;
  options.read_only = params.flag("readOnly");
  options.steal = params.flag("steal");
  options.size = read_size(params);
  options.restore = read_restore(params);
  options.gives_terminal = params.flag("givesTerminal");
  options.position = params.number("position", std::numeric_limits<std::int64_t>::max());
  options.client = number_;
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  if (options.size && !is_valid(*options.size))
    return pending.fail({ErrorCode::kBadRequest, "a terminal has at least one row and column"});
  const auto found = core_.sessions.registry().find(caller_, session);
  if (!found) return pending.fail(found.error());
  // The host writes to the same socket next: what is queued here must be out, and what came in must
  // all have been understood.
  if (channel_.unread() != 0) return violation("more after an attach");
  if (channel_.queued() != 0)
    return pending.fail({ErrorCode::kLimit, "read your answers before you attach"});
  attaching_ = true;
  pass_on((*found)->id(), options, pending);
}

void Client::pass_on(const std::string& session, const AttachOptions& options,
                     const Pending& pending) {
  // The client may go while this waits for the host: the host gets a descriptor of its own.
  UniqueFd connection(::fcntl(channel_.fd(), F_DUPFD_CLOEXEC, 3));
  if (!connection) {
    attaching_ = false;
    return pending.fail({ErrorCode::kLimit, "ptyd is out of descriptors"});
  }
  core_.sessions.attach(caller_, session, options, std::move(connection),
                        [pending](const Result<Nothing>& passed) {
                          const auto alive = pending.client.lock();
                          if (!alive) return;
                          if (passed) return alive->on_passed_on_();
                          alive->attaching_ = false;
                          pending.fail(passed.error());
                        });
}

void Client::detach(Params& params, const Message&, const Pending& pending) {
  const auto session = params.required_text("session");
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  core_.sessions.detach(caller_, session, [pending](const Result<std::uint32_t>& count) {
    count ? pending.reply({{"detached", *count}}) : pending.fail(count.error());
  });
}

void Client::send(Params& params, const Message& message, const Pending& pending) {
  const auto session = params.required_text("session");
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  if (message.body.size() > kMaxSendBytes)
    return pending.fail({ErrorCode::kBadRequest, "at most 32KiB of input at once"});
  core_.sessions.send_input(caller_, session, message.body, [pending](const Result<Nothing>& sent) {
    sent ? pending.reply(Json::object()) : pending.fail(sent.error());
  });
}

void Client::capture(Params& params, const Message&, const Pending& pending) {
  const auto session = params.required_text("session");
  CaptureOptions options;
  options.lines = static_cast<std::uint32_t>(params.number("lines").value_or(0));
  options.screen = params.flag("screen");
  options.style = params.flag("colour");
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  core_.sessions.capture(caller_, session, options, [pending](const Result<Bytes>& captured) {
    captured ? pending.reply_bytes(*captured) : pending.fail(captured.error());
  });
}

void Client::wait(Params& params, const Message&, const Pending& pending) {
  const auto session = params.required_text("session");
  const auto fields = read_fields(params);
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  core_.sessions.wait(
      caller_, session, weak_from_this(),
      [pending, fields](const Result<SessionPtr>& ended) { pending.reply_session(ended, fields); });
}

void Client::terminate(Params& params, const Message&, const Pending& pending) {
  const auto session = params.required_text("session");
  const auto fields = read_fields(params);
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  core_.sessions.terminate(
      caller_, session, weak_from_this(),
      [pending, fields](const Result<SessionPtr>& ended) { pending.reply_session(ended, fields); });
}

void Client::kill(Params& params, const Message&, const Pending& pending) {
  const auto session = params.required_text("session");
  const auto signal = params.required_number("signal", static_cast<std::uint64_t>(SIGRTMAX));
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  core_.sessions.kill(caller_, session, static_cast<int>(signal),
                      [pending](const Result<Nothing>& sent) {
                        sent ? pending.reply(Json::object()) : pending.fail(sent.error());
                      });
}

void Client::restart(Params& params, const Message&, const Pending& pending) {
  const auto session = params.required_text("session");
  const auto fields = read_fields(params);
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  core_.sessions.restart(caller_, session, [pending, fields](const Result<SessionPtr>& created) {
    pending.reply_session(created, fields);
  });
}

void Client::resize(Params& params, const Message&, const Pending& pending) {
  const auto session = params.required_text("session");
  const auto size = read_size(params).value_or(TerminalSize{0, 0});
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  core_.sessions.resize(caller_, session, size, [pending](const Result<Nothing>& resized) {
    resized ? pending.reply(Json::object()) : pending.fail(resized.error());
  });
}

void Client::drain(Params& params, const Message&, const Pending& pending) {
  DrainOptions options;
  if (const auto ms = params.number("graceMs")) options.grace = std::chrono::milliseconds(*ms);
  options.exit = params.flag("exit");
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  if (auto begun = core_.lifecycle.drain(caller_, options); !begun)
    return pending.fail(begun.error());
  pending.reply({{"state", to_string(core_.lifecycle.state())},
                 {"sessions", core_.sessions.registry().ending_with_daemon()}});
}

void Client::cancel_drain(Params& params, const Message&, const Pending& pending) {
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  if (auto cancelled = core_.lifecycle.cancel_drain(caller_); !cancelled)
    return pending.fail(cancelled.error());
  pending.reply({{"state", to_string(core_.lifecycle.state())}});
}

void Client::queue(Params& params, const Message&, const Pending& pending) {
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  const auto entries = core_.sessions.queue().visible_to(caller_);
  const FrameChannel::Batch batch(channel_);
  for (const auto* entry : entries) pending.item(to_public_json(*entry));
  pending.reply({{"count", entries.size()}});
}

void Client::remove_queued(Params& params, const Message&, const Pending& pending) {
  const auto id = params.required_text("id");
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  core_.sessions.queue().remove(caller_, id, [pending](const Result<Nothing>& removed) {
    removed ? pending.reply(Json::object()) : pending.fail(removed.error());
  });
}

void Client::health(Params& params, const Message&, const Pending& pending) {
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  pending.reply(core_.health(caller_));
}

void Client::metrics(Params& params, const Message&, const Pending& pending) {
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  if (!is_admin(caller_))
    return pending.fail({ErrorCode::kDenied, "metrics are of all users' sessions: only root may"});
  pending.reply_bytes(as_bytes(core_.metrics.text(core_)));
}

void Client::monitor(Params& params, const Message&, const Pending& pending) {
  if (auto good = params.finish(); !good) return pending.fail(good.error());
  monitors_ = true;
  pending.reply(Json::object());
}

}  // namespace ptyd
