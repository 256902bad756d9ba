// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "common/event_loop.hpp"
#include "common/message.hpp"
#include "daemon/config.hpp"
#include "daemon/core.hpp"
#include "daemon/shutdown_watch.hpp"

namespace ptyd {

// Tells people that the machine shuts down, while they can still do something about it. The stop
// that follows is systemd's to ask for.
class ShutdownWarning {
 public:
  // `broadcast`: to every client that is connected; how many there are.
  ShutdownWarning(Core& core, const Config& config,
                  std::function<std::size_t(const Json& event)> broadcast);

  void configure(const Config& config) { warning_ = config.stop.warning; }
  // From now on, as long as this lives.
  void watch();

 private:
  void on_announced();
  void on_cancelled();

  Core& core_;
  std::chrono::milliseconds warning_;
  std::function<std::size_t(const Json& event)> broadcast_;
  Timer over_;
  std::unique_ptr<ShutdownWatch> watch_;
};

}  // namespace ptyd
