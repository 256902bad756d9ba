// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace ptyd::bench {

// What runs in the sessions that are measured, this program again. On its terminal, in raw mode, it
// does what it is told, a byte each:
inline constexpr char kAsk = '?';    // says kReady
inline constexpr char kFlood = 'g';  // prints its text, then kEnd
inline constexpr char kQuit = 'q';   // ends
inline constexpr char kLast = 'x';   // prints kEnd and ends at once
// Any other byte is printed as it came.
inline constexpr const char* kReady = "READY";
inline constexpr const char* kEnd = "END-OF-TEXT";

// The kinds of text: "text" is lines of words, "colour" changes colour every few cells, "utf8" is
// made of characters of two to four bytes.
inline constexpr const char* kKinds[] = {"text", "colour", "utf8"};

// Runs until it is told to end, or its terminal is gone. `bytes` is how much one flood prints; 0:
// it floods from the start, for ever.
int run_program(const std::string& kind, std::size_t bytes);

}  // namespace ptyd::bench
