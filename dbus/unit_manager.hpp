// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/event_loop.hpp"
#include "daemon/result.hpp"
#include "daemon/worker.hpp"
#include "dbus/bus_connection.hpp"
#include "dbus/bus_opener.hpp"

namespace ptyd {

// As StartTransientUnit takes them, org.freedesktop.systemd1(5).
using UnitProperties = std::vector<sdbus::Struct<std::string, sdbus::Variant>>;

// systemd's manager of units, on the system bus or on a user's. The connection is made at once, on
// a thread, and made again when it is needed after it was lost.
class UnitManager {
 public:
  // What may wait for a connection to be made.
  static constexpr std::size_t kMaxWaiting = 1024;
  // Failed starts that the journal is asked about, each for up to a second. Of more it is not
  // asked.
  static constexpr std::size_t kMaxExplained = 8;

  UnitManager(EventLoop& loop, bool system);
  ~UnitManager();
  UnitManager(const UnitManager&) = delete;
  UnitManager& operator=(const UnitManager&) = delete;

  // `failed` is called from the loop, at most once and not after forget(), if the unit does not
  // come up, or comes up and goes again.
  void start(const std::string& unit, UnitProperties properties,
             std::function<void(const Error&)> failed);
  void forget(const std::string& unit);
  // To all processes of the unit. Failures are logged.
  void kill(const std::string& unit, int signal);
  // If it is there at all.
  void stop(const std::string& unit);
  // See Systemd::ask_own_job(). Who asks again takes the place of who asked before.
  void ask_own_job(Completion<std::string> done);

 private:
  struct Link;
  struct Start {
    UnitProperties properties;
    std::function<void(const Error&)> failed;
    // There is a unit of this name: an earlier daemon has started it, for the same session. Its
    // host may register yet; once the unit is gone, it is started anew.
    bool in_the_way = false;
    bool job_done = false;
    bool explaining = false;  // it has failed, and the journal is asked why
  };
  // Called with the connection, or with why there is none.
  using Task = std::function<void(Result<Link*>)>;

  void with_link(Task task);
  void connect();
  void on_opened(BusOpener::Opened& opened);
  void on_connected(const Result<Link*>& link);
  void on_lost(const std::string& reason);
  void request_start(const std::string& unit);
  void on_job_removed(const std::string& unit, const std::string& result);
  void on_unit_removed(const std::string& unit);
  void fail(const std::string& unit, const Error& error);
  void explain(const std::string& unit, const std::string& otherwise);
  void ask_for_unit();
  void ask_for_job(Link& link, const sdbus::ObjectPath& own_unit);
  // Of an object that lives as long as the link; without an answer there is no own job to tell of.
  void ask_for_property(Link& link, sdbus::IProxy& object, const char* interface,
                        const char* property, std::function<void(const sdbus::Variant&)> use);
  void answer_own_job(const Result<std::string>& answer);

  EventLoop& loop_;
  const bool system_;
  std::map<std::string, Start> starts_;
  std::size_t explained_ = 0;
  std::vector<Task> waiting_;
  bool connecting_ = false;
  Completion<std::string> own_job_;  // who has asked for it
  Timer own_job_overdue_;
  std::unique_ptr<Link> link_;
  BusOpener opener_;
  Worker explainer_;
};

}  // namespace ptyd
