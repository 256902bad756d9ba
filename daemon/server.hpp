// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "common/event_loop.hpp"
#include "common/frame_channel.hpp"
#include "common/unix_socket.hpp"
#include "daemon/config.hpp"
#include "daemon/core.hpp"

namespace ptyd {

class Client;

// Who is connected to the socket: shakes hands, hands session hosts to the core, and keeps the
// clients, within the configured limits.
class Server final : private SessionObserver, private LifecycleObserver {
 public:
  // From connect() to HELLO, and for a host on to REGISTER.
  static constexpr std::chrono::seconds kHandshakeTimeout{5};
  // Who leaves a request unfinished for so long, or takes nothing of its answers, keeps memory and
  // a place for nothing.
  static constexpr std::chrono::seconds kStallTimeout{30};

  Server(Core& core, const Config& config);
  ~Server() override;

  void configure(const Config& config) { limits_ = config.limits; }
  void on_connection(UniqueFd socket);
  [[nodiscard]] std::size_t clients() const;

  // The parts of a stop that concern clients, see ClientControl.
  void refuse_new_clients() { newcomers_ = Newcomers::kRefused; }
  void turn_new_clients_away() { newcomers_ = Newcomers::kTurnedAway; }
  std::size_t broadcast(const Json& event);
  void close_all(std::function<void()> done);

 private:
  friend class Client;
  struct Connection;

  void greet(UniqueFd socket, const PeerCredentials& peer);
  void on_frame(std::uint64_t number, const Frame& frame);
  void on_hello(std::uint64_t number, Connection& connection, const Frame& frame);
  void on_register(std::uint64_t number, Connection& connection, const Frame& frame);
  void refuse(Connection& connection, const Error& error);
  void remove(std::uint64_t number);
  void drop_stalled();
  void log_misdeed(uid_t uid, std::string line);
  [[nodiscard]] bool over_limit(uid_t uid) const;

  void on_session_added(const Session& session) override;
  void on_session_changed(const Session& session) override;
  void on_session_removed(const Session& session) override;
  void on_state_changed(DaemonState from, DaemonState to) override;
  void on_drain_progress(const DrainProgress& progress) override;
  void tell_monitors(const char* type, const Session& session);

  Core& core_;
  decltype(Config::limits) limits_;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t last_number_ = 0;
  Timer stall_check_;
  enum class Newcomers { kServed, kRefused, kTurnedAway } newcomers_ = Newcomers::kServed;
  std::function<void()> all_closed_;
};

}  // namespace ptyd
