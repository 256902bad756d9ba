// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/instance_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "common/message.hpp"
#include "common/version.hpp"

namespace ptyd {
namespace {

std::string describe_holder(int fd, const std::string& path) {
  std::array<char, 4096> buffer{};
  const auto size = ::pread(fd, buffer.data(), buffer.size(), 0);
  const auto holder = Json::parse(
      std::string_view(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0), nullptr,
      /*allow_exceptions=*/false);
  std::string text = "ptyd is already running";
  const auto pid = holder.is_object() ? holder.value("pid", Json()) : Json();
  if (!pid.is_number_integer()) return text + " (it holds " + path + ")";
  const auto word = [&](const char* key) {
    const auto value = holder.value(key, Json());
    return value.is_string() ? printable(value.get<std::string>()) : std::string("?");
  };
  const auto number = std::to_string(pid.get<long>());
  return text + ": pid " + number + ", version " + word("version") + ", since " +
         word("startedAt") + ", on " + word("socket") + "; `kill " + number + "` stops it";
}

}  // namespace

InstanceLock::InstanceLock(const std::string& runtime_dir, const Identity& identity) {
  const auto path = runtime_dir + "/ptyd.lock";
  fd_ = UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd_) throw std::system_error(errno, std::generic_category(), "cannot open " + path);
  if (::flock(fd_.get(), LOCK_EX | LOCK_NB) < 0) {
    if (errno == EWOULDBLOCK) throw std::runtime_error(describe_holder(fd_.get(), path));
    throw std::system_error(errno, std::generic_category(), "cannot lock " + path);
  }
  const auto text = to_text({{"pid", ::getpid()},
                             {"instanceId", identity.instance_id},
                             {"startedAt", format_utc(identity.started_at)},
                             {"version", kVersion},
                             {"socket", identity.socket}}) +
                    "\n";
  // Only ever information: the lock itself is what counts, so a full disk is no reason to fail.
  if (::ftruncate(fd_.get(), 0) == 0) [[maybe_unused]]
    const auto n = ::pwrite(fd_.get(), text.data(), text.size(), 0);
}

}  // namespace ptyd
