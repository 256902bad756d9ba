// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/viewers.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <system_error>

#include "common/unix_socket.hpp"
#include "session/log.hpp"

namespace ptyd {
namespace {

// For a viewer to take the last things that are for it.
constexpr std::chrono::seconds kLeaveTime{5};

int socket_option(int socket, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

// The daemon passes on what a stranger connected with; a host trusts neither.
bool make_usable(int socket) {
  if (socket_option(socket, SO_DOMAIN) != AF_UNIX || socket_option(socket, SO_TYPE) != SOCK_STREAM)
    return false;
  const int flags = ::fcntl(socket, F_GETFL);
  return flags >= 0 && ::fcntl(socket, F_SETFL, flags | O_NONBLOCK) == 0;
}

void turn_away(int socket, const char* code, const char* message) {
  const auto frame = encode_frame(FrameType::kError, encode(ProtocolError{code, message}));
  (void)send_with_fd(socket, frame, -1);
}

void take_earlier(std::optional<Clock::time_point>& earliest,
                  const std::optional<Clock::time_point>& time) {
  if (time && (!earliest || *time < *earliest)) earliest = time;
}

}  // namespace

Viewers::Viewers(EventLoop& loop, const Scrollback& scrollback, Callbacks callbacks)
    : loop_(loop),
      scrollback_(scrollback),
      callbacks_(std::move(callbacks)),
      patience_timer_(loop, [this] { on_patience_over(); }),
      leave_timer_(loop, [this] { on_leave_time(); }) {}

template <typename F>
void Viewers::for_each(F f) {
  const auto count = viewers_.size();
  for (std::size_t i = 0; i < count; ++i)
    if (!viewers_[i]->gone()) f(*viewers_[i]);
}

Viewer* Viewers::attach(UniqueFd socket, const Viewer::Options& options, bool steal) {
  if (!socket || !make_usable(socket.get())) {
    log_line("client " + std::to_string(options.number) + " came without a usable connection");
    return nullptr;
  }
  if (steal) detach_all("stolen");
  if (viewers_.size() >= kMaxViewers) make_place();
  if (viewers_.size() >= kMaxViewers) {
    turn_away(socket.get(), "limit", "too many clients are attached to this session");
    return nullptr;
  }
  try {
    Viewer::Owner& owner = *this;
    viewers_.push_back(
        std::make_unique<Viewer>(loop_, std::move(socket), scrollback_, options, owner));
  } catch (const std::system_error& e) {
    log_line("client " + std::to_string(options.number) + ": " + e.what());
    return nullptr;
  }
  callbacks_.on_count_changed();
  return viewers_.back().get();
}

// Who only has to be told the last things gives way to who comes.
void Viewers::make_place() {
  for_each([](Viewer& v) {
    if (!v.attached()) v.drop_slow();
  });
  std::erase_if(viewers_, [](const auto& v) { return v->gone(); });
}

std::size_t Viewers::count() const {
  return static_cast<std::size_t>(
      std::count_if(viewers_.begin(), viewers_.end(), [](const auto& v) { return v->attached(); }));
}

bool Viewers::try_admit() {
  const auto end = scrollback_.head() + kMaxOutputRead;
  const auto oldest = end - std::min(end, scrollback_.capacity());
  bool admitted = true;
  for_each([&](Viewer& v) {
    if (v.holds(oldest)) {
      admitted = false;
      v.begin_wait(Clock::now());
    } else if (v.wait_limit()) {
      v.end_wait(Clock::now());
    }
  });
  if (admitted)
    for_each([&](Viewer& v) { v.let_pass(oldest); });
  else
    arm_patience();
  return admitted;
}

void Viewers::pump() {
  for_each([](Viewer& v) { v.pump(); });
}

void Viewers::resume_input() {
  for_each([](Viewer& v) { v.resume_input(); });
}

void Viewers::notice(std::span<const std::uint8_t> payload) {
  for_each([&](Viewer& v) {
    v.send(FrameType::kNotice, payload);
    v.pump();
  });
}

std::uint32_t Viewers::detach_all(const char* reason) {
  std::uint32_t count = 0;
  for_each([&](Viewer& v) {
    if (!v.attached()) return;
    ++count;
    v.leave(reason);
  });
  return count;
}

void Viewers::finish(const ExitResult& result) {
  for_each([&](Viewer& v) { v.finish(result); });
}

// ---- from the viewers ----

void Viewers::on_input(Viewer& viewer, std::span<const std::uint8_t> bytes) {
  on_resize(viewer);
  callbacks_.on_input(bytes);
}

void Viewers::on_resize(Viewer& viewer) {
  if (viewer.size()) callbacks_.on_size(*viewer.size());
}

void Viewers::on_sent(Viewer&) { callbacks_.on_room(); }

void Viewers::on_leaving(Viewer& viewer) {
  viewer.leave_by = Clock::now() + kLeaveTime;
  arm_leave_time();
  callbacks_.on_count_changed();
  callbacks_.on_room();
}

void Viewers::on_gone(Viewer&) {
  if (std::exchange(sweep_posted_, true)) return;
  loop_.post([this] { sweep(); });
}

void Viewers::sweep() {
  sweep_posted_ = false;
  std::erase_if(viewers_, [](const auto& v) { return v->gone(); });
  callbacks_.on_count_changed();
  callbacks_.on_room();
  if (viewers_.empty()) callbacks_.on_all_gone();
}

// ---- time ----

void Viewers::on_patience_over() {
  for_each([](Viewer& v) {
    v.pump();  // what it has room for counts, also when the loop was held up
    v.judge(Clock::now());
  });
  arm_patience();
  callbacks_.on_room();
}

void Viewers::arm_patience() {
  std::optional<Clock::time_point> earliest;
  for_each([&](const Viewer& v) { take_earlier(earliest, v.wait_limit()); });
  if (earliest) patience_timer_.start(*earliest - Clock::now());
}

void Viewers::on_leave_time() {
  const auto now = Clock::now();
  for_each([&](Viewer& v) {
    if (v.leave_by && *v.leave_by <= now) v.drop_slow();
  });
  arm_leave_time();
}

void Viewers::arm_leave_time() {
  std::optional<Clock::time_point> earliest;
  for_each([&](const Viewer& v) { take_earlier(earliest, v.leave_by); });
  if (earliest) leave_timer_.start(*earliest - Clock::now());
}

}  // namespace ptyd
