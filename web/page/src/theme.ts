// SPDX-License-Identifier: LGPL-2.1-or-later
import type { ITheme } from "@xterm/xterm";

// Light or dark: as the system has it, until somebody chooses.

const dark: ITheme = {
  background: "#10161d", foreground: "#e4ebf1", cursor: "#7fd1b9", selectionBackground: "#35506b",
};
// The usual sixteen, darkened where they would not be read on white.
const light: ITheme = {
  background: "#ffffff", foreground: "#17202a", cursor: "#0b6e5a", selectionBackground: "#b9d7f2",
  black: "#17202a", red: "#a3271f", green: "#2b6e2f", yellow: "#7a5a00", blue: "#1c56a8",
  magenta: "#862d86", cyan: "#0b6673", white: "#6b7680", brightBlack: "#56636f", brightRed: "#c43c32",
  brightGreen: "#2f7d3a", brightYellow: "#8f6b00", brightBlue: "#2f6fca", brightMagenta: "#a043a0",
  brightCyan: "#0f7c8c", brightWhite: "#3c4650",
};

const key = "ptyd-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<(theme: ITheme) => void>();

function isDark(): boolean {
  const chosen = localStorage.getItem(key);
  return chosen ? chosen === "dark" : system.matches;
}

function apply(): void {
  document.documentElement.classList.toggle("dark", isDark());
  document.documentElement.style.setProperty("--terminal", terminalTheme().background!);
  for (const listener of listeners) listener(terminalTheme());
}

export function terminalTheme(): ITheme {
  return isDark() ? dark : light;
}

// Returns what ends it.
export function onTheme(listener: (theme: ITheme) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function startTheme(button: HTMLElement): void {
  system.addEventListener("change", apply);
  button.onclick = () => {
    localStorage.setItem(key, isDark() ? "light" : "dark");
    apply();
  };
  apply();
}
