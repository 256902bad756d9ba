// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

// Where ptyd is on a bus. Written out, not taken from the code under test: users rely on them.
namespace ptyd::test {

inline constexpr char kName[] = "org.ptyd1";
inline constexpr char kPath[] = "/org/ptyd1";
inline constexpr char kManager[] = "org.ptyd1.Manager";
inline constexpr char kSession[] = "org.ptyd1.Session";

}  // namespace ptyd::test
