// SPDX-License-Identifier: LGPL-2.1-or-later
import { held, type TerminalView } from "./terminal";

// The row of keys that a keyboard on glass does not have.

export function makeKeys(view: () => TerminalView | null, copy: () => void): void {
  const row = document.getElementById("keys")!;
  const button = (label: string, name: string, run: (button: HTMLButtonElement) => void) => {
    const made = document.createElement("button");
    made.textContent = label;
    made.setAttribute("aria-label", name);
    // The terminal keeps the focus, and with it the keyboard stays open.
    made.onpointerdown = (event) => event.preventDefault();
    made.onclick = () => run(made);
    row.append(made);
    return made;
  };
  // As the terminal's own keys: application mode has other ones.
  const arrow = (letter: string) => () => {
    const open = view();
    open?.type((open.terminal.modes.applicationCursorKeysMode ? "\x1bO" : "\x1b[") + letter);
  };
  button("Esc", "Escape", () => view()?.type("\x1b"));
  button("Tab", "Tab", () => view()?.type("\t"));
  const control = button("Ctrl", "Control, for the next key", (made) => {
    held.control = !held.control;
    made.setAttribute("aria-pressed", String(held.control));
  });
  const alt = button("Alt", "Alt, for the next key", (made) => {
    held.alt = !held.alt;
    made.setAttribute("aria-pressed", String(held.alt));
  });
  held.release = () => {
    held.control = held.alt = false;
    for (const made of [control, alt]) made.setAttribute("aria-pressed", "false");
  };
  held.release();
  button("←", "Left", arrow("D"));
  button("↑", "Up", arrow("A"));
  button("↓", "Down", arrow("B"));
  button("→", "Right", arrow("C"));
  button("^C", "Control C", () => view()?.type("\x03"));
  button("Copy", "Copy what is selected", copy);
  button("Paste", "Paste", () => void navigator.clipboard?.readText().then((text) => view()?.paste(text)));
}
