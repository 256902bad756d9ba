// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/login_watch.hpp"

#include <utility>

#include "common/service/log.hpp"

namespace ptyd {
namespace {

constexpr char kLogin[] = "org.freedesktop.login1";
constexpr char kLoginPath[] = "/org/freedesktop/login1";
constexpr char kManager[] = "org.freedesktop.login1.Manager";

}  // namespace

// The connection with what refers to it, which goes first.
struct LoginWatch::Link {
  BusConnection bus;
  std::unique_ptr<sdbus::IProxy> manager;
};

LoginWatch::LoginWatch(EventLoop& loop, Callbacks callbacks)
    : loop_(loop),
      callbacks_(std::move(callbacks)),
      connect_again_(loop, [this] { connect(); }),
      opener_(loop) {
  connect();
}

LoginWatch::~LoginWatch() = default;

void LoginWatch::connect() {
  opener_.open(
      /*system=*/true, kLogin, kLoginPath,
      [this](sdbus::IProxy& manager) {
        manager.uponSignal("PrepareForShutdown").onInterface(kManager).call([this](bool begins) {
          on_prepare_for_shutdown(begins);
        });
      },
      [this](BusOpener::Opened& opened) { on_opened(opened); });
}

void LoginWatch::on_opened(BusOpener::Opened& opened) {
  if (opened.problem.empty()) {
    try {
      link_.reset(new Link{{loop_, std::move(opened.connection),
                            [this](const std::string& reason) { on_lost(reason); }},
                           std::move(opened.proxy)});
      link_->bus.start();
      return take_lock();
    } catch (const std::exception& e) {
      link_.reset();
      opened.problem = e.what();
    }
  }
  log::debug("Cannot reach systemd-logind: " + opened.problem);
  connect_again_.start(kConnectAgainAfter);
}

// The lock stays: logind knows it by its descriptor alone.
void LoginWatch::on_lost(const std::string& reason) {
  log::debug("The connection to systemd-logind is gone: " + reason);
  link_.reset();
  connect_again_.start(kConnectAgainAfter);
}

void LoginWatch::take_lock() {
  if (lock_ || !link_) return;
  link_->bus.send([this] {
    link_->manager->callMethodAsync("Inhibit")
        .onInterface(kManager)
        .withArguments(std::string("shutdown"), std::string("ptyd"),
                       std::string("Warning the users of terminal sessions"), std::string("delay"))
        .uponReplyInvoke([this](sdbus_compat::ReplyError error, sdbus::UnixFd lock) {
          if (error)
            log::info("People cannot be warned in time before the machine shuts down: " +
                      error->getMessage());
          else if (!shutting_down_)
            lock_ = UniqueFd(lock.release());
        });
  });
}

void LoginWatch::on_prepare_for_shutdown(bool begins) {
  if (shutting_down_ == begins) return;
  shutting_down_ = begins;
  if (begins) return callbacks_.announced();
  callbacks_.cancelled();
  take_lock();
}

std::unique_ptr<ShutdownWatch> watch_for_shutdown(EventLoop& loop,
                                                  ShutdownWatch::Callbacks callbacks) {
  return std::make_unique<LoginWatch>(loop, std::move(callbacks));
}

}  // namespace ptyd
