// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/session_object.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/session_fields.hpp"
#include "dbus/session_verbs.hpp"

namespace ptyd {
namespace {

struct Property {
  const char* name;
  const char* key;  // in the session object of docs/protocol.md
};

// Those that org.ptyd1.Session.xml annotates neither "const" nor "false".
constexpr std::array kChanging{
    Property{"User", "user"},
    Property{"State", "state"},
    Property{"Pid", "pid"},
    Property{"HostPid", "hostPid"},
    Property{"Terminal", "terminal"},
    Property{"Rows", "rows"},
    Property{"Columns", "columns"},
    Property{"Clients", "clients"},
    Property{"StartedAt", "startedAt"},
    Property{"EndedAt", "endedAt"},
    Property{"EndedBy", "endedBy"},
    Property{"ExitStatus", "exitStatus"},
};

}  // namespace

SessionObject::SessionObject(BusConnection& connection, Calls& calls, Core& core,
                             SessionPtr session)
    : AdaptorInterfaces(connection.get(), session_path(session->id())),
      calls_(calls),
      core_(core),
      session_(std::move(session)),
      told_(to_public_json(*session_)) {
  registerAdaptor();
}

SessionObject::~SessionObject() { unregisterAdaptor(); }

void SessionObject::emit_changes() {
  auto now = to_public_json(*session_);
  std::vector<std::string> names;
  for (const auto& property : kChanging)
    if (now[property.key] != told_[property.key]) names.emplace_back(property.name);
  told_ = std::move(now);
  if (!names.empty()) sdbus_compat::emit_changed(getObject(), INTERFACE_NAME, names);
}

// A handler may run after this object has gone: it has all it needs of its own.
void SessionObject::Terminate(sdbus::Result<>&& result) {
  calls_.begin(getObject(), std::move(result), Calls::Kind::kWaits,
               [&core = core_, id = session_->id()](const Caller& caller, const Reply<>& reply) {
                 terminate_session(core, caller, id, reply);
               });
}

void SessionObject::Kill(sdbus::Result<>&& result, std::int32_t signal) {
  calls_.begin(
      getObject(), std::move(result), Calls::Kind::kBrief,
      [&core = core_, id = session_->id(), signal](const Caller& caller, const Reply<>& reply) {
        kill_session(core, caller, id, signal, reply);
      });
}

void SessionObject::SendInput(sdbus::Result<>&& result, std::vector<std::uint8_t> input) {
  calls_.begin(getObject(), std::move(result), Calls::Kind::kBrief,
               [&core = core_, id = session_->id(), input = std::move(input)](
                   const Caller& caller, const Reply<>& reply) {
                 send_input(core, caller, id, input, reply);
               });
}

void SessionObject::Resize(sdbus::Result<>&& result, std::uint16_t rows, std::uint16_t columns) {
  calls_.begin(getObject(), std::move(result), Calls::Kind::kBrief,
               [&core = core_, id = session_->id(), size = TerminalSize{rows, columns}](
                   const Caller& caller, const Reply<>& reply) {
                 core.sessions.resize(caller, id, size, answer_with(reply));
               });
}

void SessionObject::Capture(sdbus::Result<std::vector<std::uint8_t>>&& result,
                            std::uint32_t lines) {
  calls_.begin(
      getObject(), std::move(result), Calls::Kind::kBrief,
      [&core = core_, id = session_->id(), lines](const Caller& caller, const Reply<Bytes>& reply) {
        core.sessions.capture(
            caller, id, CaptureOptions{.lines = lines}, [reply](const Result<Bytes>& captured) {
              if (!captured) return reply.fail(captured.error());
              const auto& all = *captured;
              const auto kept = std::min(all.size(), BusConnection::kMaxValue);
              reply.send(Bytes(all.end() - static_cast<std::ptrdiff_t>(kept), all.end()));
            });
      });
}

void SessionObject::Attach(sdbus::Result<sdbus::UnixFd>&& result,
                           std::map<std::string, sdbus::Variant> options) {
  calls_.begin(getObject(), std::move(result), Calls::Kind::kBrief,
               [&core = core_, id = session_->id(), options = read_attach_options(options)](
                   const Caller& caller, const Reply<sdbus::UnixFd>& reply) {
                 attach_session(core, caller, id, options, reply);
               });
}

std::string SessionObject::Id() { return session_->id(); }
std::string SessionObject::Name() { return session_->name(); }
std::uint32_t SessionObject::Uid() { return session_->uid; }
std::string SessionObject::User() { return bus_text(session_->user); }
std::string SessionObject::State() { return to_string(session_->state()); }

std::vector<std::string> SessionObject::Command() {
  std::vector<std::string> words;
  for (const auto& word : session_->spec.command) words.push_back(bus_text(word));
  return words;
}

std::string SessionObject::Cwd() { return bus_text(session_->spec.cwd); }
std::uint32_t SessionObject::Pid() { return static_cast<std::uint32_t>(session_->command_pid); }
std::uint32_t SessionObject::HostPid() { return static_cast<std::uint32_t>(session_->host_pid); }
std::string SessionObject::Terminal() { return bus_text(session_->terminal); }
std::uint16_t SessionObject::Rows() { return session_->size.rows; }
std::uint16_t SessionObject::Columns() { return session_->size.columns; }
std::uint32_t SessionObject::Clients() { return session_->viewers; }
std::uint64_t SessionObject::CreatedAt() { return bus_time(from_us(session_->spec.created_at)); }
std::uint64_t SessionObject::StartedAt() { return bus_time(session_->started_at); }
std::uint64_t SessionObject::LastActivity() { return bus_time(session_->last_activity()); }
std::uint64_t SessionObject::EndedAt() { return bus_time(session_->ended_at); }
std::string SessionObject::EndedBy() { return bus_text(session_->ended_by()); }

std::int32_t SessionObject::ExitStatus() {
  const auto& result = session_->result;
  return result && result->kind == EndKind::kExited ? result->value : -1;
}

std::uint64_t SessionObject::OutputBytes() { return session_->output_bytes(); }
std::string SessionObject::OnDrain() { return on_drain_word(session_->spec); }
std::string SessionObject::StopInput() { return bus_text(session_->spec.stop_input); }
std::uint32_t SessionObject::StopTimeoutMs() { return session_->spec.stop_timeout_ms; }
std::uint64_t SessionObject::ScrollbackBytes() { return session_->spec.scrollback; }
std::string SessionObject::Unit() { return session_->unit; }
bool SessionObject::Supervised() { return session_->supervised; }

}  // namespace ptyd
