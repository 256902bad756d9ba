// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/system/machine.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "common/unix_socket.hpp"
#include "tests/support/temp_dir.hpp"

namespace ptyd::test {
namespace {

constexpr std::chrono::milliseconds kPollInterval{50};

std::string without_newline(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

// systemctl and journalctl have no "wait until": the bus has, but a test only loses a few
// milliseconds by looking again and again.
testing::AssertionResult poll_until(const std::function<bool()>& condition,
                                    std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (!condition()) {
    if (deadline.passed())
      return testing::AssertionFailure() << "not within " << timeout.count() << " ms";
    std::this_thread::sleep_for(kPollInterval);
  }
  return testing::AssertionSuccess();
}

const passwd& user_entry(const std::string& user) {
  const auto* entry = ::getpwnam(user.c_str());
  if (entry == nullptr) throw std::runtime_error("no user " + user);
  return *entry;
}

std::string read_journal(const Arguments& selection) {
  Arguments all{"journalctl", "--sync"};
  run(all);
  all = {"journalctl", "--boot", "--no-pager", "--quiet", "--output=cat"};
  all.insert(all.end(), selection.begin(), selection.end());
  return run(all).out;
}

class JournalOfFailedTests : public testing::EmptyTestEventListener {
  void OnTestEnd(const testing::TestInfo& test) override {
    if (!test.result()->Failed()) return;
    run({"journalctl", "--sync"});
    show({"journalctl", "--boot", "--no-pager", "--quiet", "--output=short-precise", "--lines=300",
          "--unit=ptyd.service", "--unit=ptyd.socket", "--unit=ptyd-session-*"});
    show({"journalctl", "--boot", "--no-pager", "--quiet", "--output=short-precise", "--lines=300",
          "_SYSTEMD_USER_UNIT=ptyd.service"});
    show({"systemctl", "--no-pager", "--full", "--lines=0", "status", "ptyd.service", "ptyd.socket",
          "ptyd-session-*"});
    show({"systemctl", "--no-pager", "--plain", "--failed"});
  }

  static void show(const Arguments& command) {
    std::cout << "----";
    for (const auto& word : command) std::cout << ' ' << word;
    const auto result = run(command);
    constexpr std::size_t kMost = 64 * 1024;
    const auto cut = result.out.size() > kMost ? result.out.size() - kMost : 0;
    std::cout << '\n' << std::string_view(result.out).substr(cut) << result.err << std::flush;
  }
};

[[maybe_unused]] const bool kListens = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new JournalOfFailedTests);
  return true;
}();

}  // namespace

std::string release() {
  return without_newline(run({"sh", "-c", ". /etc/os-release && echo \"$VERSION_CODENAME\""}).out);
}

RunResult systemctl(const Arguments& arguments) {
  Arguments all{"systemctl", "--no-pager"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return run(all);
}

std::string unit_property(const std::string& unit, const std::string& property) {
  return without_newline(systemctl({"show", "--value", "--property=" + property, "--", unit}).out);
}

testing::AssertionResult wait_for_property(const std::string& unit, const std::string& property,
                                           const std::string& value,
                                           std::chrono::milliseconds timeout) {
  std::string last;
  auto result = poll_until(
      [&] {
        last = unit_property(unit, property);
        return last == value;
      },
      timeout);
  if (!result) result << ": " << property << " of " << unit << " is \"" << last << '"';
  return result;
}

std::string journal(const std::string& unit) { return read_journal({"--unit=" + unit}); }

std::string user_journal(const std::string& user, const std::string& unit) {
  // Not --user-unit, which is of units of whoever asks.
  return read_journal({"_UID=" + std::to_string(uid_of(user)), "_SYSTEMD_USER_UNIT=" + unit});
}

testing::AssertionResult wait_for_journal(const std::string& unit, const std::string& text,
                                          std::chrono::milliseconds timeout) {
  std::string last;
  auto result = poll_until(
      [&] {
        last = journal(unit);
        return last.find(text) != std::string::npos;
      },
      timeout);
  if (!result) result << ": no \"" << text << "\" from " << unit << "; there was:\n" << last;
  return result;
}

void write_drop_in(const std::string& unit, std::string_view text) {
  const std::filesystem::path folder = "/etc/systemd/system/" + unit + ".d";
  std::filesystem::create_directories(folder);
  write_file(folder / "90-test.conf", text);
  const auto result = systemctl({"daemon-reload"});
  if (result.status != 0) throw std::runtime_error("daemon-reload: " + result.err);
}

bool has_controller(const std::string& name) {
  return (" " + read_file("/sys/fs/cgroup/cgroup.controllers")).find(" " + name) !=
         std::string::npos;
}

uid_t uid_of(const std::string& user) { return user_entry(user).pw_uid; }

Arguments as_user(const std::string& user, const Arguments& arguments) {
  const auto& entry = user_entry(user);
  const std::string id = std::to_string(entry.pw_uid);
  Arguments all{"setpriv",
                "--reuid=" + id,
                "--regid=" + std::to_string(entry.pw_gid),
                "--init-groups",
                "--inh-caps=-all",
                "env",
                "-i",
                "--chdir=" + std::string(entry.pw_dir),
                "HOME=" + std::string(entry.pw_dir),
                "USER=" + user,
                "LOGNAME=" + user,
                "SHELL=" + std::string(entry.pw_shell),
                "LANG=C.UTF-8",
                "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"};
  if (const char* term = ::getenv("TERM")) all.push_back("TERM=" + std::string(term));
  if (std::filesystem::exists("/run/user/" + id)) all.push_back("XDG_RUNTIME_DIR=/run/user/" + id);
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

void enable_linger(const std::string& user) {
  const auto result = run({"loginctl", "enable-linger", user});
  if (result.status != 0) throw std::runtime_error("enable-linger: " + result.err);
  const auto manager = "user@" + std::to_string(uid_of(user)) + ".service";
  if (const auto active = wait_for_property(manager, "ActiveState", "active"); !active)
    throw std::runtime_error(active.message());
}

ProtocolClient connect_as(const std::string& user, const std::string& socket) {
  const auto& entry = user_entry(user);
  const uid_t uid = entry.pw_uid;
  const gid_t gid = entry.pw_gid;
  std::error_code error;
  UniqueFd connection;
  // By the system calls themselves, which change this one thread: the functions of libc change all
  // of them. The thread does not go back, it ends.
  std::thread([&] {
    if (::syscall(SYS_setgroups, 0, nullptr) < 0 || ::syscall(SYS_setresgid, gid, gid, gid) < 0 ||
        ::syscall(SYS_setresuid, uid, uid, uid) < 0)
      error.assign(errno, std::generic_category());
    else
      connection = connect_unix(socket, error);
  }).join();
  if (error) throw std::system_error(error, "connecting to " + socket + " as " + user);
  return ProtocolClient(std::move(connection));
}

void end_machine_then(const std::string& next, const std::string& verb,
                      const std::function<void()>& meanwhile) {
  write_file("/var/lib/ptyd-test/next", next);
  ::sync();
  const auto result = systemctl({"--no-block", verb});
  if (result.status != 0) throw std::runtime_error(verb + ": " + result.err);
  meanwhile();
  // Until systemd ends this test like any other service.
  while (true) ::pause();
}

}  // namespace ptyd::test
