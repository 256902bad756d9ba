// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/relay.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "common/unix_socket.hpp"

namespace ptyd {
namespace {

// What a viewer is shown of the past: of the output, or, beside the screen, of the lines before it.
constexpr std::uint64_t kReplay = 64 * 1024;
// As drawn, which is longer than as printed only where attributes are many.
constexpr std::size_t kMaxHistory = 256 * 1024;
// What most reads give while a program floods its terminal: there may be more, and to ask epoll
// first costs processor time. Not without an end: keys and requests are served in between.
constexpr std::size_t kFullRead = 4095;
constexpr int kReadsAtOnce = 8;
// The command is gone, but its last output may still be in the kernel, and a background job may
// hold the terminal side open for ever. So read until the end, or until nothing has come for so
// long, or until the limit.
constexpr std::chrono::milliseconds kDrainQuiet{100};
constexpr std::chrono::seconds kDrainLimit{1};

// As the kernel knows it of whoever connected: the daemon that passes a connection on is not asked.
bool is_of_own_user(int socket) {
  PeerCredentials peer;
  return socket >= 0 && !peer_credentials(socket, peer) && peer.uid == ::geteuid();
}

// To about 4 ms, which costs less than asking the clock itself for each piece of output.
std::int64_t wall_clock_us() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

std::unique_ptr<Relay> Relay::open(EventLoop& loop, const SessionSpec& spec, Callbacks callbacks,
                                   StartFailure& failure) {
  std::error_code error;
  auto scrollback = Scrollback::create(spec.scrollback, error);
  if (!scrollback) {
    failure = {StartStage::kScrollback, error.value()};
    return nullptr;
  }
  auto pty = Pty::open(loop, {spec.rows, spec.columns}, error);
  if (!pty) {
    failure = {StartStage::kTerminal, error.value()};
    return nullptr;
  }
  std::unique_ptr<Relay> relay(
      new Relay(loop, std::move(*scrollback), std::move(pty), spec, std::move(callbacks)));
  error = relay->pty_->start({.on_readable = [r = relay.get()] { r->on_readable(); },
                              .on_input_room = [r = relay.get()] { r->viewers_.resume_input(); }});
  if (error) {
    failure = {StartStage::kTerminal, error.value()};
    return nullptr;
  }
  relay->note_activity();
  return relay;
}

Relay::Relay(EventLoop& loop, Scrollback scrollback, std::unique_ptr<Pty> pty,
             const SessionSpec& spec, Callbacks callbacks)
    : callbacks_(std::move(callbacks)),
      id_(spec.id),
      name_(spec.name),
      scrollback_(std::move(scrollback)),
      pty_(std::move(pty)),
      follower_(loop, scrollback_, {spec.rows, spec.columns}),
      packer_(loop, scrollback_),
      window_(loop, *pty_, {spec.rows, spec.columns}),
      viewers_(loop, scrollback_,
               {.input_fits = [this](std::size_t size) { return pty_->input_fits(size); },
                .on_input = [this](auto bytes) { type(bytes); },
                .on_size = [this](TerminalSize size) { resize(size); },
                .on_room = [this] { on_room(); },
                .on_missed = [this](Viewer& viewer) { restore_screen(viewer, false); },
                .undo = [this](bool all) { return undo(all); },
                .place = [this] { return place(); },
                .on_count_changed = [this] { callbacks_.on_status(); },
                .on_all_gone = [this] { callbacks_.on_all_gone(); }}),
      activity_(loop, std::chrono::milliseconds(spec.idle_after_ms),
                [this] { callbacks_.on_status(); }),
      quiet_timer_(loop, [this] { on_quiet(); }),
      drain_timer_(loop, [this] { drained(); }) {}

void Relay::on_readable() {
  for (int reads = 0; reads < kReadsAtOnce && read_output(); ++reads) continue;
}

bool Relay::read_output() {
  if (!viewers_.try_admit()) {
    waiting_ = true;
    pty_->set_reading(false);
    return false;
  }
  follower_.before_output();
  const auto size = pty_->read(scrollback_.write_area());
  if (!size) {
    if (draining_) drained();
    return false;
  }
  if (*size == 0) return false;
  scrollback_.commit(*size);
  viewers_.pump();  // before anything else: someone waits for the echo of a key
  follower_.on_output();
  packer_.on_used();
  window_.on_output();
  note_activity();
  if (draining_) quiet_timer_.start(kDrainQuiet);
  return *size >= kFullRead;
}

void Relay::on_room() {
  if (!waiting_ || !viewers_.try_admit()) return;
  waiting_ = false;
  pty_->set_reading(true);
}

void Relay::note_activity() {
  scrollback_.set_last_activity(wall_clock_us());
  activity_.note();
}

bool Relay::type(std::span<const std::uint8_t> bytes) {
  if (!pty_->input_fits(bytes.size())) return false;
  pty_->type(bytes);
  note_activity();
  return true;
}

void Relay::resize(TerminalSize size) {
  if (size != window_.size()) follower_.resize(size);
  if (window_.set(size)) callbacks_.on_status();
}

void Relay::attach(UniqueFd socket, const PassClient& client) {
  packer_.on_used();
  const TerminalSize size{client.rows, client.columns};
  const auto restore = client.restore != Restore::kDefault ? client.restore
                       : is_valid(size)                    ? Restore::kScreen
                                                           : Restore::kTail;
  const auto& modes = follower_.screen().modes();
  const bool resumes = can_resume(client);
  Viewer::Options options;
  options.number = client.client;
  options.position = resumes                     ? client.position
                     : restore == Restore::kTail ? replay_start(modes)
                                                 : scrollback_.head();
  options.read_only = client.read_only != 0;
  options.is_terminal = is_valid(size);
  options.awaits_terminal = client.gives_terminal != 0 && !result_ && is_of_own_user(socket.get());
  if (!options.read_only && is_valid(size)) options.size = size;
  auto* viewer = viewers_.attach(std::move(socket), options, client.steal != 0);
  if (viewer == nullptr) return;
  const bool resized = options.size && window_.size() != size;
  // Whoever is shown all of the output, at the size it was made for, has the exact screen.
  const bool whole = options.position == 0;
  const bool exact =
      resumes || restore == Restore::kScreen || (whole && !resized && window_.never_changed());
  if (resized) resize(size);
  const auto now = window_.size();
  viewer->send(
      FrameType::kAttached,
      encode(Attached{options.position, now.rows, now.columns, client.read_only, id_, name_,
                      std::uint8_t{options.awaits_terminal}, std::uint8_t{resumes}}));
  if (!resumes && restore == Restore::kScreen && !whole)
    restore_screen(*viewer, true);
  else if (!resumes)
    viewer->restore(whole ? std::string() : modes.restore());
  if (result_) return viewer->finish(*result_);
  viewer->pump();
  // Of a full-screen program's past nothing is shown; it draws when its size changes.
  if (modes.alternate_screen() && !resized && !exact) window_.redraw();
}

bool Relay::can_resume(const PassClient& client) const {
  const TerminalSize size{client.rows, client.columns};
  return client.resumes != 0 && client.position >= scrollback_.oldest() &&
         client.position <= scrollback_.head() && (!is_valid(size) || size == window_.size());
}

std::string Relay::undo(bool all) {
  const auto& screen = follower_.screen();
  // CAN ends a sequence that was cut; anywhere else a terminal ignores it.
  return (all && screen.between_characters() ? "" : "\x18") + screen.modes().undo();
}

Viewer::Owner::Place Relay::place() {
  using Place = Viewer::Owner::Place;
  const auto& screen = follower_.screen();
  if (!screen.between_characters()) return Place::kInSequence;
  return screen.modes().alternate_screen() ? Place::kFullScreen : Place::kBetweenCharacters;
}

void Relay::restore_screen(Viewer& viewer, bool first) {
  const auto& screen = follower_.screen();
  viewer.restore(screen.draw({first, first ? history(screen) : std::string()}));
}

std::string Relay::history(const Screen& screen) const {
  const auto& modes = screen.modes();
  // What was printed before a full-screen program began is what it will leave.
  const auto end = modes.alternate_screen() ? modes.alternate_entered_at() : scrollback_.head();
  const auto start = recent(modes, end);
  std::string lines;
  if (start >= end) return lines;
  Screen past(screen.size());
  past.set_on_line([&lines](std::string_view line, bool wrapped) {
    if (lines.size() < kMaxHistory) lines.append(line).append(wrapped ? "" : "\r\n");
  });
  past.feed(scrollback_.view(start, static_cast<std::size_t>(end - start)));
  if (!lines.empty() && lines.back() != '\n') lines += "\r\n";
  return lines;
}

std::uint64_t Relay::recent(const ModeState& modes, std::uint64_t end) const {
  const auto start = std::max(scrollback_.oldest(), end - std::min(end, kReplay));
  // Not from the middle of what a full-screen program drew, on a screen that it has left.
  if (modes.alternate_entered_at() <= start && start < modes.alternate_left_at())
    return modes.alternate_left_at();
  return start;
}

std::uint64_t Relay::replay_start(const ModeState& modes) const {
  const auto head = scrollback_.head();
  if (head <= kReplay) return 0;
  if (modes.alternate_screen()) return head;
  const auto start = recent(modes, head);
  if (start == modes.alternate_left_at()) return start;
  const auto bytes = scrollback_.view(start, kReplay);
  const auto newline = std::find(bytes.begin(), bytes.end(), '\n');
  return newline == bytes.end() ? start
                                : start + static_cast<std::uint64_t>(newline - bytes.begin()) + 1;
}

UniqueFd Relay::capture(bool with_style, std::error_code& error) {
  const auto text = follower_.screen().draw_lines(with_style);
  auto memory = Scrollback::create(text.size(), error);
  if (!memory) return {};
  for (std::size_t done = 0; done < text.size();) {
    const auto area = memory->write_area();
    const auto size = text.copy(reinterpret_cast<char*>(area.data()), area.size(), done);
    memory->commit(size);
    done += size;
  }
  return UniqueFd(::fcntl(memory->fd(), F_DUPFD_CLOEXEC, 3));
}

void Relay::begin_drain() {
  draining_ = true;
  pty_->close_terminal();
  quiet_timer_.start(kDrainQuiet);
  drain_timer_.start(kDrainLimit);
  on_readable();
}

void Relay::on_quiet() {
  if (waiting_) return quiet_timer_.start(kDrainQuiet);
  drained();
}

void Relay::drained() {
  if (!draining_) return;
  draining_ = false;
  quiet_timer_.stop();
  drain_timer_.stop();
  activity_.stop();
  follower_.stop();
  pty_->close();
  callbacks_.on_drained();
}

void Relay::finish(const ExitResult& result) {
  result_ = result;
  viewers_.finish(result);
}

}  // namespace ptyd
