// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/manager_object.hpp"

#include <limits>
#include <utility>

#include "common/version.hpp"
#include "dbus/session_verbs.hpp"

namespace ptyd {
namespace {

// The deadline of a drain is told in wall-clock time, but kept by a clock that nobody sets: it is
// told anew only when the two have come apart.
constexpr std::chrono::seconds kDeadlineJitter{1};

Result<CreateRequest> read_create_request(const VariantMap& properties) {
  Options in(properties);
  CreateRequest request;
  request.name = in.text("name");
  request.command = in.texts("command");
  request.environment = in.assignments("environment");
  request.cwd = in.text("cwd");
  request.term = in.text("term");
  request.size.rows = in.u16("rows").value_or(kDefaultRows);
  request.size.columns = in.u16("columns").value_or(kDefaultColumns);
  request.stop_input = in.text("stopInput");
  if (const auto ms = in.u32("stopTimeoutMs"))
    request.stop_timeout = std::chrono::milliseconds(*ms);
  request.scrollback = in.u64("scrollbackBytes");
  request.on_drain = in.text("onDrain");
  request.queue = in.flag("queue");
  if (auto good = in.finish(); !good) return good.error();
  return request;
}

Result<DrainOptions> read_drain_options(const VariantMap& values) {
  Options in(values);
  DrainOptions options;
  if (const auto ms = in.u64("graceMs")) {
    // As on the socket; more would not fit a deadline.
    if (*ms <= std::numeric_limits<std::uint32_t>::max())
      options.grace = std::chrono::milliseconds(*ms);
    else
      in.wrong("graceMs", "at most 4294967295");
  }
  options.exit = in.flag("exit");
  if (auto good = in.finish(); !good) return good.error();
  return options;
}

}  // namespace

ManagerObject::ManagerObject(BusConnection& connection, Calls& calls, Core& core,
                             bool shows_details)
    : AdaptorInterfaces(connection.get(), sdbus::ObjectPath(kManagerPath)),
      connection_(connection),
      calls_(calls),
      core_(core),
      shows_details_(shows_details),
      sessions_(
          connection, calls, core,
          [this](const std::string& id, const sdbus::ObjectPath& path) {
            emitSessionNew(id, path);
          },
          [this](const std::string& id, const sdbus::ObjectPath& path) {
            emitSessionRemoved(id, path);
          }),
      told_(changing_properties()),
      alive_(std::make_shared<bool>(true)) {
  registerAdaptor();
}

ManagerObject::~ManagerObject() {
  *alive_ = false;
  unregisterAdaptor();
}

void ManagerObject::change() {
  if (std::exchange(changed_, true)) return;
  core_.loop.post([this, alive = alive_] {
    if (*alive) connection_.send([this] { emit_changes(); });
  });
}

void ManagerObject::emit_changes() {
  changed_ = false;
  update_deadline();
  auto now = changing_properties();
  std::vector<std::string> names;
  for (const auto& [name, value] : now.items())
    if (value != told_[name]) names.push_back(name);
  told_ = std::move(now);
  if (!names.empty())
    sdbus_compat::emit_changed(getObject(), Manager_adaptor::INTERFACE_NAME, names);
}

// Those that org.ptyd1.Manager.xml does not annotate "const".
Json ManagerObject::changing_properties() {
  return {
      {"State", State()},
      {"SessionCount", SessionCount()},
      {"ClientCount", ClientCount()},
      {"QueuedCount", QueuedCount()},
      {"DrainDeadline", DrainDeadline()},
      {"StoreStatus", StoreStatus()},
  };
}

void ManagerObject::update_deadline() {
  const auto now = core_.lifecycle.drain_deadline();
  const bool same = now && drain_deadline_ && *now - *drain_deadline_ < kDeadlineJitter &&
                    *drain_deadline_ - *now < kDeadlineJitter;
  if (!same) drain_deadline_ = now;
}

void ManagerObject::tell_state(DaemonState from, DaemonState to) {
  connection_.send([this, from, to] { emitStateChanged(to_string(from), to_string(to)); });
  change();
}

void ManagerObject::tell_queued(const std::string& id) {
  connection_.send([this, id] { emitQueueEntryAdded(id); });
  change();
}

void ManagerObject::tell_queue_change(const std::string& id, const std::string& state) {
  connection_.send([this, id, state] { emitQueueEntryChanged(id, state); });
  change();
}

void ManagerObject::tell_progress(const DrainProgress& progress) {
  connection_.send([this, progress] {
    emitDrainProgress(static_cast<std::uint32_t>(progress.sessions),
                      static_cast<std::uint32_t>(progress.total),
                      static_cast<std::uint64_t>(progress.remaining.count()));
  });
  change();
}

void ManagerObject::tell_machine_shutdown(std::chrono::milliseconds warning) {
  connection_.send(
      [this, warning] { emitMachineShutdown(static_cast<std::uint64_t>(warning.count())); });
}

void ManagerObject::CreateSession(sdbus::Result<std::string, sdbus::ObjectPath>&& result,
                                  std::map<std::string, sdbus::Variant> properties) {
  using CreateReply = Reply<std::string, sdbus::ObjectPath>;
  calls_.begin(getObject(), std::move(result), Calls::Kind::kBrief,
               [this, request = read_create_request(properties)](const Caller& caller,
                                                                 const CreateReply& reply) {
                 if (!request) return reply.fail(request.error());
                 core_.sessions.create(
                     caller, *request, [reply](const Result<SessionPtr>& created) {
                       if (!created) return reply.fail(created.error());
                       reply.send((*created)->id(), session_path((*created)->id()));
                     });
               });
}

void ManagerObject::GetSession(sdbus::Result<sdbus::ObjectPath>&& result, std::string session) {
  calls_.begin(getObject(), std::move(result), Calls::Kind::kBrief,
               [this, session = std::move(session)](const Caller& caller,
                                                    const Reply<sdbus::ObjectPath>& reply) {
                 const auto found = core_.sessions.registry().find(caller, session);
                 found ? reply.send(sessions_.ensure(*found)) : reply.fail(found.error());
               });
}

void ManagerObject::ListSessions(sdbus::Result<std::vector<SessionRow>>&& result) {
  calls_.begin(getObject(), std::move(result), Calls::Kind::kBrief,
               [this](const Caller& caller, const Reply<std::vector<SessionRow>>& reply) {
                 // About 120 bytes a row: 2000 are no more than kMaxValue.
                 std::vector<SessionRow> rows;
                 for (const auto& session : core_.sessions.registry().visible_to(caller))
                   rows.emplace_back(session->id(), session->name(), session->uid,
                                     bus_text(session->user), to_string(session->state()),
                                     static_cast<std::uint32_t>(session->command_pid),
                                     sessions_.ensure(session));
                 reply.send(std::move(rows));
               });
}

void ManagerObject::TerminateSession(sdbus::Result<>&& result, std::string session) {
  calls_.begin(getObject(), std::move(result), Calls::Kind::kWaits,
               [this, session = std::move(session)](const Caller& caller, const Reply<>& reply) {
                 terminate_session(core_, caller, session, reply);
               });
}

void ManagerObject::KillSession(sdbus::Result<>&& result, std::string session,
                                std::int32_t signal) {
  calls_.begin(
      getObject(), std::move(result), Calls::Kind::kBrief,
      [this, session = std::move(session), signal](const Caller& caller, const Reply<>& reply) {
        kill_session(core_, caller, session, signal, reply);
      });
}

void ManagerObject::SendInput(sdbus::Result<>&& result, std::string session,
                              std::vector<std::uint8_t> input) {
  calls_.begin(getObject(), std::move(result), Calls::Kind::kBrief,
               [this, session = std::move(session), input = std::move(input)](
                   const Caller& caller, const Reply<>& reply) {
                 send_input(core_, caller, session, input, reply);
               });
}

void ManagerObject::AttachSession(sdbus::Result<sdbus::UnixFd>&& result, std::string session,
                                  std::map<std::string, sdbus::Variant> options) {
  calls_.begin(getObject(), std::move(result), Calls::Kind::kBrief,
               [this, session = std::move(session), options = read_attach_options(options)](
                   const Caller& caller, const Reply<sdbus::UnixFd>& reply) {
                 attach_session(core_, caller, session, options, reply);
               });
}

void ManagerObject::Drain(sdbus::Result<>&& result, std::map<std::string, sdbus::Variant> options) {
  calls_.begin(
      getObject(), std::move(result), Calls::Kind::kBrief,
      [this, options = read_drain_options(options)](const Caller& caller, const Reply<>& reply) {
        if (!options) return reply.fail(options.error());
        answer_with(reply)(core_.lifecycle.drain(caller, *options));
      });
}

void ManagerObject::CancelDrain(sdbus::Result<>&& result) {
  calls_.begin(getObject(), std::move(result), Calls::Kind::kBrief,
               [this](const Caller& caller, const Reply<>& reply) {
                 answer_with(reply)(core_.lifecycle.cancel_drain(caller));
               });
}

std::string ManagerObject::Version() { return kVersion; }
std::string ManagerObject::InstanceId() { return core_.identity.instance_id; }
std::string ManagerObject::State() { return to_string(core_.lifecycle.state()); }
std::uint64_t ManagerObject::StartTimestamp() { return bus_time(core_.identity.started_at); }

std::uint32_t ManagerObject::SessionCount() {
  return static_cast<std::uint32_t>(core_.sessions.registry().living());
}
std::uint32_t ManagerObject::ClientCount() {
  return static_cast<std::uint32_t>(core_.client_count());
}
std::uint32_t ManagerObject::QueuedCount() {
  return static_cast<std::uint32_t>(core_.sessions.queue().waiting_count());
}

std::uint64_t ManagerObject::DrainDeadline() { return bus_time(drain_deadline_); }

std::string ManagerObject::StoreStatus() {
  const auto& status = core_.sessions.store_status();
  return status == "ok" || shows_details_ ? bus_text(status) : "error";
}

}  // namespace ptyd
