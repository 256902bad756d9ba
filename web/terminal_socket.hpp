// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/protocol.hpp"
#include "common/request_channel.hpp"
#include "web/daemon_link.hpp"
#include "web/web_socket.hpp"

namespace ptyd::web {

// What a browser may say on the WebSocket of a terminal, in text; see docs/web.md.
struct TerminalMessage {
  std::optional<TerminalSize> resize;
  std::optional<std::uint64_t> drawn;  // bytes, since the WebSocket was opened
};
// Nothing, with `problem` set, for anything else.
std::optional<TerminalMessage> parse_terminal_message(std::span<const std::uint8_t> text,
                                                      std::string& problem);

struct TerminalOptions {
  std::string session;  // id
  std::optional<TerminalSize> size;
  bool read_only = false;
  std::optional<std::uint64_t> position;  // the page has all output up to here
};

// A session in a browser: a client of its host, like `ptyctl attach`, of which the browser is the
// terminal. What the page has not drawn yet is bounded: beyond kWindow the host waits, and has a
// rule for slow clients.
class TerminalSocket final : public WebSocket {
 public:
  // Bytes that the page was sent and has not said to have drawn: some tens of milliseconds of work.
  static constexpr std::size_t kWindow = 64 * 1024;
  // Typed bytes that the host has not taken; beyond this the browser is not read.
  static constexpr std::size_t kMaxTyped = 64 * 1024;
  // First bytes of binary messages.
  static constexpr std::uint8_t kOutput = 0;
  static constexpr std::uint8_t kRestore = 1;

  TerminalSocket(Owner& owner, Stream stream, Grant grant, DaemonLink& link,
                 TerminalOptions options);

  void on_event(const Json& event) override;

 private:
  void on_open() override;
  void on_message(std::span<const std::uint8_t> bytes, bool is_text) override;
  void on_sent() override { update_flow(); }
  void on_closed() override;

  void check_session();
  void connect();
  void attach();
  void on_frame(const Frame& frame);
  void on_reply(const Frame& frame);
  void on_attached(const Frame& frame);
  void on_gone(const std::string& reason);
  // There may be another daemon in a moment.
  void try_again(const std::string& problem);
  void fail(const std::string& code, const std::string& message);
  void type(std::span<const std::uint8_t> bytes);
  void show(std::uint8_t kind, std::span<const std::uint8_t> bytes);
  void update_flow();
  void drop_connection();

  DaemonLink& link_;
  TerminalOptions options_;
  std::unique_ptr<RequestChannel> connection_;
  FrameChannel* channel_ = nullptr;  // of connection_, once it was greeted
  bool attached_ = false;
  std::string problem_;  // why it is not attached yet
  Timer retry_timer_;
  Timer patience_;  // with a daemon that does not answer, or is not there
  std::uint64_t sent_ = 0;
  std::uint64_t drawn_ = 0;
};

}  // namespace ptyd::web
