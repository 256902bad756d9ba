#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Usage: dbus_interface.py org.ptyd1.Manager.xml
Prints the interface's description, and its methods, properties and signals, for org.ptyd1(5)."""
import sys
import xml.etree.ElementTree as ET

KINDS = {"method": "Methods", "property": "Properties", "signal": "Signals"}


def plain(comment):
    text = " ".join(comment.split())
    for character in "\\*_[]<>":
        text = text.replace(character, "\\" + character)
    return text


def arguments(member, direction):
    return ", ".join(
        f"{arg.get('name')} *{arg.get('type')}*".replace("_", r"\_").replace("{", r"\{")
        for arg in member.findall("arg")
        if arg.get("direction", "out") == direction)


def heading(member):
    name = member.get("name")
    if member.tag == "property":
        return f"**{name}** *{member.get('type')}*"
    if member.tag == "signal":
        return f"**{name}**({arguments(member, 'out')})"
    result = arguments(member, "out")
    return f"**{name}**({arguments(member, 'in')})" + (f" → {result}" if result else "")


# Comments before the first element are the file's, and go before its root: only a parser with
# targets of its own sees them.
class Builder(ET.TreeBuilder):
    def __init__(self):
        super().__init__(insert_comments=True)
        self.before = []
        self.depth = 0

    def start(self, tag, attrs):
        self.depth += 1
        return super().start(tag, attrs)

    def comment(self, text):
        if self.depth == 0:
            self.before.append(text)
            return None
        return super().comment(text)


builder = Builder()
root = ET.parse(sys.argv[1], parser=ET.XMLParser(target=builder)).getroot()
interface = root.find("interface")
print(f"Interface *{interface.get('name')}*. {plain(builder.before[-1])}\n")
members = {kind: [] for kind in KINDS}
comment = ""
for child in interface:
    if child.tag is ET.Comment:
        comment = child.text
        continue
    if not comment:
        sys.exit(f"{sys.argv[1]}: {child.get('name')} has no comment")
    members[child.tag].append((heading(child), plain(comment)))
    comment = ""
for kind, title in KINDS.items():
    if members[kind]:
        print(f"## {title}\n")
    for name, text in members[kind]:
        print(f"{name}\n:   {text}\n")
