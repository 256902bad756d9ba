// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/shutdown_warning.hpp"

#include <utility>

#include "common/service/log.hpp"
#include "common/text.hpp"

namespace ptyd {

using std::chrono::milliseconds;

ShutdownWarning::ShutdownWarning(Core& core, const Config& config,
                                 std::function<std::size_t(const Json& event)> broadcast)
    : core_(core),
      warning_(config.stop.warning),
      broadcast_(std::move(broadcast)),
      over_(core.loop, [this] { watch_->let_go(); }) {}

void ShutdownWarning::watch() {
  watch_ = watch_for_shutdown(core_.loop, {.announced = [this] { on_announced(); },
                                           .cancelled = [this] { on_cancelled(); }});
}

void ShutdownWarning::on_announced() {
  const auto attached = core_.sessions.viewers();
  // Nobody is there to read it: the machine need not wait.
  const auto warning = attached == 0 ? milliseconds(0) : warning_;
  const Json event{{"type", "machine.shutdown"},
                   {"message", "The machine is shutting down"},
                   {"gracePeriodMs", warning.count()}};
  // Supervised sessions end with the machine as well.
  core_.sessions.notify_viewers(event, SessionManager::Viewers::kAll);
  const auto connected = broadcast_(event);
  core_.on_machine_shutdown(warning);
  log::info("The machine is shutting down; told " + std::to_string(attached) + " attached and " +
                std::to_string(connected) + " connected clients, and holding it up for " +
                format_duration(warning),
            {}, log::Event::kMachineShutdown);
  over_.start(warning);
}

void ShutdownWarning::on_cancelled() {
  over_.stop();
  log::info("The machine does not shut down after all");
}

}  // namespace ptyd
