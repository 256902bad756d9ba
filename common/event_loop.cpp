// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/event_loop.hpp"

#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace ptyd {
namespace {

// Events fetched by one epoll_wait: more are simply fetched by the next one.
constexpr int kEventsPerTurn = 64;
// How long the loop sleeps at most while the kernel refuses to wake it at a time.
constexpr int kSleepUnarmed = 50;  // ms

[[noreturn]] void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int checked(int result, const char* what) {
  if (result < 0) throw_errno(what);
  return result;
}

}  // namespace

EventLoop::EventLoop()
    : epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      timerfd_(checked(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                       "timerfd_create")) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // the one descriptor that is the loop's own
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timerfd_.get(), &event), "epoll_ctl");
}

EventLoop::~EventLoop() = default;

void EventLoop::run() {
  quit_ = false;
  while (!quit_) run_once(std::chrono::milliseconds(-1));
}

void EventLoop::run_once(std::chrono::milliseconds timeout) {
  const bool armed = arm_timerfd();
  std::array<epoll_event, kEventsPerTurn> events;
  int wait = tasks_.empty() ? static_cast<int>(timeout.count()) : 0;
  if (!armed && (wait < 0 || wait > kSleepUnarmed)) wait = kSleepUnarmed;
  const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsPerTurn, wait);
  turn_start_ = Clock::now();
  dispatching_ = true;
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    if (event.data.ptr == nullptr) {
      std::uint64_t expirations = 0;
      [[maybe_unused]] const auto n = ::read(timerfd_.get(), &expirations, sizeof expirations);
      armed_for_ = Clock::time_point::max();
      continue;
    }
    auto* node = static_cast<IoNode*>(event.data.ptr);
    // An earlier callback of this turn may have destroyed the watch; its node is kept until below.
    if (!node->dead) node->callback(event.events);
  }
  run_timers();
  run_tasks();
  dispatching_ = false;
  retired_.clear();
  longest_turn_ = std::max(longest_turn_, Clock::now() - turn_start_);
}

void EventLoop::post(std::function<void()> task) { tasks_.push_back(std::move(task)); }

void EventLoop::retire(std::unique_ptr<IoNode> node) {
  node->dead = true;
  if (dispatching_) retired_.push_back(std::move(node));
}

bool EventLoop::arm_timerfd() {
  const auto next = timers_.empty() ? Clock::time_point::max() : timers_.begin()->first;
  if (next == armed_for_) return true;
  itimerspec spec{};
  if (!timers_.empty()) {
    using std::chrono::duration_cast;
    auto since_boot = next.time_since_epoch();
    // An all-zero it_value would disarm it.
    if (since_boot <= Clock::duration::zero()) since_boot = std::chrono::nanoseconds(1);
    const auto seconds = duration_cast<std::chrono::seconds>(since_boot);
    spec.it_value.tv_sec = seconds.count();
    spec.it_value.tv_nsec = duration_cast<std::chrono::nanoseconds>(since_boot - seconds).count();
  }
  const bool armed = ::timerfd_settime(timerfd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr) == 0;
  // What it is set to otherwise no timer is.
  armed_for_ = armed ? next : Clock::time_point::min();
  return armed;
}

void EventLoop::run_timers() {
  const auto now = Clock::now();
  // Only what is due now, so that a callback that restarts its timer with 0 cannot hold the loop.
  std::vector<std::shared_ptr<TimerNode>> due;
  for (auto it = timers_.begin(); it != timers_.end() && it->first <= now; ++it)
    due.push_back(it->second);
  for (const auto& node : due)
    if (!node->dead) node->callback();
}

void EventLoop::run_tasks() {
  std::vector<std::function<void()>> tasks;
  tasks.swap(tasks_);
  for (auto& task : tasks) task();
}

IoWatch::IoWatch(EventLoop& loop, int fd, std::uint32_t events, Callback callback)
    : loop_(loop), fd_(fd), events_(events), node_(std::make_unique<EventLoop::IoNode>()) {
  node_->callback = std::move(callback);
  epoll_event event{};
  event.events = events;
  event.data.ptr = node_.get();
  checked(::epoll_ctl(loop_.epoll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

std::unique_ptr<IoWatch> try_watch(EventLoop& loop, int fd, std::uint32_t events,
                                   IoWatch::Callback callback) {
  try {
    return std::make_unique<IoWatch>(loop, fd, events, std::move(callback));
  } catch (const std::system_error&) {
    return nullptr;  // out of watches or memory (epoll_ctl(2): ENOSPC, ENOMEM)
  }
}

IoWatch::~IoWatch() {
  ::epoll_ctl(loop_.epoll_.get(), EPOLL_CTL_DEL, fd_, nullptr);
  loop_.retire(std::move(node_));
}

void IoWatch::set_events(std::uint32_t events) {
  if (events == events_) return;
  events_ = events;
  epoll_event event{};
  event.events = events;
  event.data.ptr = node_.get();
  ::epoll_ctl(loop_.epoll_.get(), EPOLL_CTL_MOD, fd_, &event);
}

Timer::Timer(EventLoop& loop, std::function<void()> callback)
    : loop_(loop), callback_(std::move(callback)), node_(std::make_shared<EventLoop::TimerNode>()) {
  node_->callback = [this] { fire(); };
}

Timer::~Timer() {
  stop();
  node_->dead = true;
}

void Timer::start(Clock::duration delay) {
  stop();
  position_ = loop_.timers_.emplace(Clock::now() + delay, node_);
  active_ = true;
}

void Timer::stop() {
  if (!active_) return;
  loop_.timers_.erase(position_);
  active_ = false;
}

void Timer::fire() {
  // Collected as due, but stopped or moved by another callback of the same turn.
  if (!active_ || position_->first > Clock::now()) return;
  stop();
  // A copy: the callback may destroy this timer, and with it callback_.
  const auto callback = callback_;
  callback();
}

SignalWatch::SignalWatch(EventLoop& loop, std::initializer_list<int> signals,
                         std::function<void(const signalfd_siginfo&)> callback)
    : callback_(std::move(callback)) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0)
    throw std::system_error(error, std::generic_category(), "pthread_sigmask");
  fd_ = UniqueFd(checked(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd"));
  watch_ = std::make_unique<IoWatch>(loop, fd_.get(), EPOLLIN, [this](std::uint32_t) {
    // One at a time: the callback may destroy this watch; level-triggering brings the rest.
    signalfd_siginfo info{};
    if (::read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return;
    const auto handler = callback_;
    handler(info);
  });
}

Mailbox::Mailbox(EventLoop& loop)
    : eventfd_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  watch_ = std::make_unique<IoWatch>(loop, eventfd_.get(), EPOLLIN,
                                     [this](std::uint32_t) { deliver(); });
}

void Mailbox::post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(eventfd_.get(), &one, sizeof one);
}

void Mailbox::deliver() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    std::uint64_t count = 0;
    [[maybe_unused]] const auto n = ::read(eventfd_.get(), &count, sizeof count);
    tasks.swap(tasks_);
  }
  for (auto& task : tasks) task();
}

}  // namespace ptyd
