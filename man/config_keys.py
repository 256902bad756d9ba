#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Usage: config_keys.py FILE
Prints the keys of a configuration, with their defaults and comments, for man pages."""
import re
import sys

def plain(text):
    return text.replace("_", r"\_").replace("*", r"\*")


# Keys that share a comment follow one another.
keys = []
comment = []


def flush():
    if keys:
        terms = ", ".join(f"**{plain(key)}**: *{value}*" for key, value in keys)
        print(f"{terms}\n:   {plain(' '.join(comment))}\n")
    keys.clear()
    comment.clear()


for line in open(sys.argv[1], encoding="utf-8"):
    line = line.rstrip()
    if match := re.fullmatch(r"(\w+):", line):
        flush()
        print(f"## {match[1]}\n")
    elif match := re.fullmatch(r"  #(\w+): (.*)", line):
        keys.append((match[1], match[2]))
    elif match := re.fullmatch(r"  # (.*)", line):
        if keys:
            flush()
        comment.append(match[1])
flush()
