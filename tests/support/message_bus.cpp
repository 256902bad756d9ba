// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/message_bus.hpp"

#include <signal.h>

#include <stdexcept>

namespace ptyd::test {
namespace {

constexpr char kAllowAll[] = R"(
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*"/>
  </policy>)";

// The rules of dbus's own system.conf.
constexpr char kAsOnTheSystemBus[] = R"(
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"
           send_interface="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.DBus"
           send_interface="org.freedesktop.DBus.Introspectable"/>
    <allow send_destination="org.freedesktop.DBus"
           send_interface="org.freedesktop.DBus.Properties"/>
    <deny send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"
          send_member="UpdateActivationEnvironment"/>
  </policy>)";

std::string config_text(const std::string& address,
                        const std::vector<std::filesystem::path>& policy_files) {
  std::string text =
      "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
      "  \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
      "<busconfig>\n  <type>system</type>\n  <listen>" +
      address + "</listen>\n  <auth>EXTERNAL</auth>";
  text += policy_files.empty() ? kAllowAll : kAsOnTheSystemBus;
  for (const auto& file : policy_files) text += "\n  <include>" + file.string() + "</include>";
  return text + "\n</busconfig>\n";
}

}  // namespace

MessageBus::MessageBus(const std::vector<std::filesystem::path>& policy_files)
    : address_("unix:path=" + folder_ / "bus"), config_(folder_ / "bus.conf") {
  write_file(config_, config_text(address_, policy_files));
  // Other users of the machine connect to it in some tests.
  std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
  start();
}

void MessageBus::start() {
  process_.emplace(Arguments{"dbus-daemon", "--config-file=" + config_, "--nofork", "--nopidfile",
                             "--print-address=1"});
  // It prints its address once it listens.
  if (!process_->out().wait_for("unix:path="))
    throw std::runtime_error("dbus-daemon did not start: " + process_->err().text());
}

void MessageBus::stop() {
  process_->signal(SIGTERM);
  process_->wait_exit();
  process_.reset();
}

RunResult MessageBus::busctl(const Arguments& arguments) const {
  Arguments all{"busctl", "--address=" + address_};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return run(all);
}

}  // namespace ptyd::test
