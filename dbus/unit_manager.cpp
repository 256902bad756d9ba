// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/unit_manager.hpp"

#include <systemd/sd-login.h>

#include <cstdlib>
#include <utility>

#include "common/service/log.hpp"
#include "daemon/systemd.hpp"
#include "daemon/unit_journal.hpp"

namespace ptyd {
namespace {

constexpr char kSystemd[] = "org.freedesktop.systemd1";
constexpr char kSystemdPath[] = "/org/freedesktop/systemd1";
constexpr char kManager[] = "org.freedesktop.systemd1.Manager";
constexpr char kUnit[] = "org.freedesktop.systemd1.Unit";
constexpr char kJob[] = "org.freedesktop.systemd1.Job";
constexpr char kUnitExists[] = "org.freedesktop.systemd1.UnitExists";
constexpr char kProperties[] = "org.freedesktop.DBus.Properties";

using AuxiliaryUnits = std::vector<sdbus::Struct<std::string, UnitProperties>>;

// The unit that this process is the service of; empty when it is none's.
std::string own_unit(bool system) {
  char* name = nullptr;
  const int error = system ? ::sd_pid_get_unit(0, &name) : ::sd_pid_get_user_unit(0, &name);
  if (error < 0) return {};
  const std::unique_ptr<char, void (*)(void*)> owned(name, &std::free);
  return name;
}

}  // namespace

// The connection with what refers to it, which goes first.
struct UnitManager::Link {
  Link(EventLoop& loop, std::unique_ptr<sdbus::IConnection> connection,
       std::unique_ptr<sdbus::IProxy> systemd, std::function<void(const std::string&)> on_lost)
      : bus(loop, std::move(connection), std::move(on_lost)), manager(std::move(systemd)) {}

  BusConnection bus;
  std::unique_ptr<sdbus::IProxy> manager;
  std::unique_ptr<sdbus::IProxy> unit;  // the daemon's own
  std::unique_ptr<sdbus::IProxy> job;   // that unit's
};

UnitManager::UnitManager(EventLoop& loop, bool system)
    : loop_(loop),
      system_(system),
      own_job_overdue_(loop,
                       [this] {
                         answer_own_job(Error{ErrorCode::kTimeout, "systemd does not answer"});
                       }),
      opener_(loop),
      explainer_(loop) {
  connect();
}

UnitManager::~UnitManager() = default;

// ---- the connection ----

void UnitManager::with_link(Task task) {
  if (link_) return task(link_.get());
  if (waiting_.size() >= kMaxWaiting)
    return task(Error{ErrorCode::kLimit, "too many requests wait for systemd"});
  waiting_.push_back(std::move(task));
  connect();
}

void UnitManager::connect() {
  if (std::exchange(connecting_, true)) return;
  const auto prepare = [this](sdbus::IProxy& manager) {
    manager.uponSignal("JobRemoved")
        .onInterface(kManager)
        .call([this](std::uint32_t, const sdbus::ObjectPath&, const std::string& unit,
                     const std::string& result) { on_job_removed(unit, result); });
    manager.uponSignal("UnitRemoved")
        .onInterface(kManager)
        .call([this](const std::string& unit, const sdbus::ObjectPath&) { on_unit_removed(unit); });
  };
  opener_.open(system_, kSystemd, kSystemdPath, prepare,
               [this](BusOpener::Opened& opened) { on_opened(opened); });
}

void UnitManager::on_opened(BusOpener::Opened& opened) {
  connecting_ = false;
  if (opened.problem.empty()) {
    try {
      link_ = std::make_unique<Link>(loop_, std::move(opened.connection), std::move(opened.proxy),
                                     [this](const std::string& reason) { on_lost(reason); });
      link_->bus.start();
      // Without it systemd sends no signals.
      link_->bus.send([this] {
        link_->manager->callMethodAsync("Subscribe")
            .onInterface(kManager)
            .uponReplyInvoke([](sdbus_compat::ReplyError) {});
      });
    } catch (const std::exception& e) {
      link_.reset();
      opened.problem = e.what();
    }
  }
  if (opened.problem.empty()) return on_connected(link_.get());
  log::warn("Cannot reach systemd: " + opened.problem);
  on_connected(Error{ErrorCode::kStartFailed, "cannot reach systemd: " + opened.problem});
}

void UnitManager::on_connected(const Result<Link*>& link) {
  for (const auto& task : std::exchange(waiting_, {})) task(link);
}

// What was under way shows by the hosts that register, or do not in time.
void UnitManager::on_lost(const std::string& reason) {
  log::warn("The connection to systemd is gone (" + reason + "); making another when needed");
  link_.reset();
  if (own_job_) ask_for_unit();
}

// ---- units ----

void UnitManager::start(const std::string& unit, UnitProperties properties,
                        std::function<void(const Error&)> failed) {
  auto& entry = starts_[unit];
  entry = {};
  entry.properties = std::move(properties);
  entry.failed = std::move(failed);
  request_start(unit);
}

void UnitManager::request_start(const std::string& unit) {
  with_link([this, unit](Result<Link*> link) {
    if (!link) {
      loop_.post([this, unit, error = link.error()] { fail(unit, error); });
      return;
    }
    const auto it = starts_.find(unit);
    if (it == starts_.end()) return;  // given up while there was no connection
    (*link)->bus.send([this, l = *link, unit, properties = it->second.properties] {
      l->manager->callMethodAsync("StartTransientUnit")
          .onInterface(kManager)
          // The job's mode: a unit of this name that is there already is an error.
          .withArguments(unit, std::string("fail"), properties, AuxiliaryUnits{})
          .uponReplyInvoke([this, unit](sdbus_compat::ReplyError error, const sdbus::ObjectPath&) {
            if (!error) return;
            const auto started = starts_.find(unit);
            if (error->getName() != kUnitExists || started == starts_.end())
              return fail(unit, {ErrorCode::kStartFailed, "systemd says: " + error->getMessage()});
            started->second.in_the_way = true;
            log::info(unit + " is there already, of an earlier daemon; waiting for its host");
          });
    });
  });
}

void UnitManager::forget(const std::string& unit) { starts_.erase(unit); }

void UnitManager::on_job_removed(const std::string& unit, const std::string& result) {
  const auto it = starts_.find(unit);
  if (it == starts_.end() || it->second.in_the_way) return;
  if (result == "done")
    it->second.job_done = true;
  else
    explain(unit, "its start job ended as " + result);
}

void UnitManager::on_unit_removed(const std::string& unit) {
  const auto it = starts_.find(unit);
  if (it != starts_.end() && std::exchange(it->second.in_the_way, false))
    return request_start(unit);
  if (it != starts_.end() && it->second.job_done)
    explain(unit, "the session host ended before it registered");
}

// The unit has failed; systemd's D-Bus interface has only a number for why.
void UnitManager::explain(const std::string& unit, const std::string& otherwise) {
  if (std::exchange(starts_.at(unit).explaining, true)) return;
  if (explained_ >= kMaxExplained)
    return fail(unit, {ErrorCode::kStartFailed,
                       "systemd cannot start the session host: " + otherwise, 0, "host"});
  ++explained_;
  const auto failure = std::make_shared<UnitFailure>();
  explainer_.post([failure, unit] { *failure = read_unit_failure(unit); },
                  [this, failure, unit, otherwise] {
                    --explained_;
                    if (failure->by_pam)
                      return fail(unit, {ErrorCode::kDenied,
                                         "your account may not have sessions: " + failure->reason});
                    fail(unit, {ErrorCode::kStartFailed,
                                "systemd cannot start the session host: " +
                                    (failure->reason.empty() ? otherwise : failure->reason)});
                  });
}

void UnitManager::fail(const std::string& unit, const Error& error) {
  const auto node = starts_.extract(unit);
  if (!node.empty()) node.mapped().failed(error);
}

void UnitManager::kill(const std::string& unit, int signal) {
  with_link([unit, signal](Result<Link*> link) {
    if (!link) return log::warn("Cannot kill " + unit + ": " + link.error().message);
    (*link)->bus.send([l = *link, unit, signal] {
      l->manager->callMethodAsync("KillUnit")
          .onInterface(kManager)
          .withArguments(unit, std::string("all"), static_cast<std::int32_t>(signal))
          .uponReplyInvoke([unit](sdbus_compat::ReplyError error) {
            if (error) log::warn("Cannot kill " + unit + ": " + error->getMessage());
          });
    });
  });
}

void UnitManager::stop(const std::string& unit) {
  with_link([unit](Result<Link*> link) {
    if (!link) return;
    (*link)->bus.send([l = *link, unit] {
      l->manager->callMethodAsync("StopUnit")
          .onInterface(kManager)
          .withArguments(unit, std::string("replace"))
          .uponReplyInvoke([](sdbus_compat::ReplyError, const sdbus::ObjectPath&) {});
    });
  });
}

// ---- the daemon's own job ----

void UnitManager::ask_own_job(Completion<std::string> done) {
  own_job_ = std::move(done);
  own_job_overdue_.start(Systemd::kPatience);
  ask_for_unit();
}

void UnitManager::ask_for_unit() {
  const auto unit = own_unit(system_);
  if (unit.empty())
    return answer_own_job(Error{ErrorCode::kUnsupported, "ptyd is no unit of systemd"});
  with_link([this, unit](Result<Link*> link) {
    if (!link) return answer_own_job(link.error());
    (*link)->bus.send([this, l = *link, unit] {
      l->manager->callMethodAsync("GetUnit")
          .onInterface(kManager)
          .withArguments(unit)
          .uponReplyInvoke(
              [this, l](sdbus_compat::ReplyError error, const sdbus::ObjectPath& path) {
                if (error) return answer_own_job(Error{ErrorCode::kInternal, error->getMessage()});
                ask_for_job(*l, path);
              });
    });
  });
}

void UnitManager::ask_for_job(Link& link, const sdbus::ObjectPath& own_unit) {
  link.unit = sdbus_compat::make_proxy(link.bus.get(), kSystemd, own_unit.c_str());
  ask_for_property(link, *link.unit, kUnit, "Job", [this, &link](const sdbus::Variant& job) {
    const auto id_and_path = job.get<sdbus::Struct<std::uint32_t, sdbus::ObjectPath>>();
    if (std::get<0>(id_and_path) == 0) return answer_own_job(std::string());
    link.job = sdbus_compat::make_proxy(link.bus.get(), kSystemd, std::get<1>(id_and_path).c_str());
    ask_for_property(link, *link.job, kJob, "JobType", [this](const sdbus::Variant& type) {
      answer_own_job(type.get<std::string>());
    });
  });
}

void UnitManager::ask_for_property(Link& link, sdbus::IProxy& object, const char* interface,
                                   const char* property,
                                   std::function<void(const sdbus::Variant&)> use) {
  link.bus.send([this, &object, interface, property, use = std::move(use)] {
    object.callMethodAsync("Get")
        .onInterface(kProperties)
        .withArguments(std::string(interface), std::string(property))
        .uponReplyInvoke([this, use](sdbus_compat::ReplyError error, const sdbus::Variant& value) {
          if (error) return answer_own_job(Error{ErrorCode::kInternal, error->getMessage()});
          use(value);
        });
  });
}

void UnitManager::answer_own_job(const Result<std::string>& answer) {
  own_job_overdue_.stop();
  if (const auto done = std::exchange(own_job_, {})) done(answer);
}

}  // namespace ptyd
