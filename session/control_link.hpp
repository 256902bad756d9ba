// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "common/event_loop.hpp"
#include "common/frame_channel.hpp"
#include "common/protocol.hpp"

namespace ptyd {

// The host's connection to the daemon: says HELLO and registers, then passes frames on. Once told
// to keep_trying(), it comes back whenever it is lost, for ever: there will be another daemon.
class ControlLink {
 public:
  struct Registration {
    Bytes payload;  // of REGISTER
    UniqueFd fd;    // the scrollback, or none
  };
  struct Callbacks {
    std::function<Registration()> registration;  // what to say of the session now
    std::function<void()> on_registered;         // the daemon has taken note
    std::function<void(const Frame&)> on_frame;  // anything else it says once registered
    // Only before keep_trying(): there is no connection and will be none. Says why.
    std::function<void(const std::string&)> on_failed;
    std::function<void()> on_lost;  // after that: there was a connection and it is gone
  };
  ControlLink(EventLoop& loop, std::string path, Callbacks callbacks);

  void connect();  // never blocks
  void keep_trying() { keep_trying_ = comes_back_ = true; }
  // The same, but a daemon that refuses it is the end, by on_failed.
  void come_back() { comes_back_ = true; }
  // SPEC, the answer to a new host's registration, is one that on_frame gets.
  [[nodiscard]] bool registered() const { return state_ == State::kRegistered; }

  // A daemon is there, even if it has not taken note of the session yet.
  [[nodiscard]] bool connected() const { return state_ != State::kDown; }

  // Lost, and not kept, when there is no daemon: what counts is told again at registration.
  void send(FrameType type, std::span<const std::uint8_t> payload, UniqueFd fd = {});
  template <typename Message>
  void send(const Message& message, UniqueFd fd = {}) {
    send(Message::kType, encode(message), std::move(fd));
  }
  // The descriptor that came with the frame.
  [[nodiscard]] UniqueFd take_fd();

 private:
  enum class State { kDown, kGreeting, kRegistering, kRegistered };

  void on_frame(const Frame& frame);
  void on_hello(const Frame& frame);
  void on_error(const Frame& frame);
  void on_down(const std::string& reason);
  void refuse(const std::string& reason);
  bool go_down();
  void retry_after(Clock::duration delay);

  EventLoop& loop_;
  std::string path_;
  Callbacks callbacks_;
  State state_ = State::kDown;
  bool keep_trying_ = false;
  bool comes_back_ = false;
  std::string complaint_;  // the last refusal, so that it is logged once
  std::chrono::milliseconds pause_;
  std::unique_ptr<FrameChannel> channel_;
  Timer retry_timer_;
};

}  // namespace ptyd
