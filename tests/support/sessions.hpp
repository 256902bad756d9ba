// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/deadline.hpp"
#include "tests/support/protocol_client.hpp"

// What several tests do with sessions.
namespace ptyd::test {

// A session of `command`; its JSON object. Fails the test when it cannot be had.
inline Json create(ProtocolClient& client, const std::string& name,
                   const std::vector<std::string>& command, Json more = Json::object()) {
  more["name"] = name;
  more["command"] = command;
  const auto answer = client.request("create", more);
  EXPECT_TRUE(answer.result.is_object()) << answer.error;
  return answer.result;
}

// A shell that says so once it has a prompt, so that what is typed next is not lost to its start.
inline Json create_shell(ProtocolClient& client, const std::string& name,
                         Json more = Json::object()) {
  more["environment"]["PS1"] = "ready> ";
  return create(client, name, {"bash", "--norc", "--noprofile", "-i"}, more);
}

// A program that ignores every signal it can, and whose grandchild left its session and does so
// too.
inline const std::vector<std::string>& stubborn_command() {
  static const std::vector<std::string> kCommand{
      "bash", "-c",
      "trap '' TERM HUP INT QUIT; (setsid bash -c \"trap '' TERM HUP; echo grandchild \\$\\$;"
      " while :; do sleep 1000; done\" &); echo armed; while :; do sleep 1000; done"};
  return kCommand;
}

// Types a command into the shell of an attached session and waits for what it prints, which is not
// what was typed.
inline bool shell_answers(ProtocolClient& viewer, const std::string& word) {
  return viewer.input("echo " + word.substr(0, 1) + "''" + word.substr(1) + "\n") &&
         viewer.read_output_until(word);
}

inline std::string captured(ProtocolClient& client, const std::string& session) {
  std::string text;
  for (const auto& item : client.request("capture", {{"session", session}}).items)
    text.append(item.body.begin(), item.body.end());
  return text;
}

// Waits until the session has printed `part`.
inline testing::AssertionResult wait_printed(ProtocolClient& client, const std::string& session,
                                             const std::string& part) {
  std::string text;
  if (eventually([&] {
        text = captured(client, session);
        return text.find(part) != std::string::npos;
      }))
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << session << " did not print '" << part << "':\n" << text;
}

}  // namespace ptyd::test
