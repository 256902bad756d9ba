// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

namespace ptyd {

// Descriptors 0 to 2 must be something, or a socket of ours takes their place and is written to.
void occupy_standard_descriptors();

// Lets this process have as many descriptors as its hard limit allows: each session takes a few.
// The soft limit is low by default only for programs that use select(2).
void raise_descriptor_limit();
// Gives a child back the limit that this process was started with, for what it runs may be one.
void restore_descriptor_limit(pid_t child);

}  // namespace ptyd
