// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "dbus/bus_connection.hpp"

namespace ptyd {

// Which user is behind a unique bus name, as the bus vouches for it; asked once a name and
// remembered. A bus never uses a unique name again, so what is remembered stays true.
class Callers {
 public:
  // Nothing when the bus does not say: the sender has gone, or too many are asked about.
  using Answer = std::function<void(std::optional<uid_t>)>;

  // Names remembered. Beyond that all are forgotten, which costs each one question.
  static constexpr std::size_t kMaxKnown = 1024;
  // Who waits for an answer of the bus. It answers at once, unless it is flooded.
  static constexpr std::size_t kMaxWaiting = 1024;

  explicit Callers(BusConnection& connection);

  // Answers now or from the loop.
  void look_up(const std::string& sender, Answer answer);

 private:
  void ask(const std::string& sender);
  void on_answer(const std::string& sender, std::optional<uid_t> uid);

  BusConnection& connection_;
  std::unique_ptr<sdbus::IProxy> bus_;
  std::unordered_map<std::string, uid_t> known_;
  std::map<std::string, std::vector<Answer>> waiting_;
  std::size_t waiting_count_ = 0;
};

}  // namespace ptyd
