// SPDX-License-Identifier: LGPL-2.1-or-later
import { FitAddon } from "@xterm/addon-fit";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { WebglAddon } from "@xterm/addon-webgl";
import { Terminal } from "@xterm/xterm";
import { hasEnded, type Session } from "./api";
import { Connection } from "./connection";
import { harmless } from "./paste";
import { Recording } from "./recording";
import type { Output, Source } from "./source";
import { onTheme, terminalTheme } from "./theme";

export interface TerminalOwner {
  onOver(view: TerminalView, text: string): void;
  // A key that is the page's, not the session's; true when it was one.
  onKey(event: KeyboardEvent): boolean;
}

// Modifiers that the row of keys holds down for the next key.
export const held = { control: false, alt: false, release: () => {} };

const readerKey = "ptyd-reader";
export function forReaders(): boolean {
  return localStorage.getItem(readerKey) === "true";
}
export function setForReaders(on: boolean): void {
  localStorage.setItem(readerKey, String(on));
}

// One session in one panel. Of one that has ended, what is kept of its output.
export class TerminalView {
  readonly panel = document.createElement("div");
  readonly terminal: Terminal;
  over = false;
  title = "";
  private readonly box = document.createElement("div");
  private readonly status = document.createElement("div");
  private readonly statusText = document.createElement("span");
  private readonly fit = new FitAddon();
  private readonly source: Source;
  private readonly observer: ResizeObserver;
  private readonly endTheme: () => void;
  private statusTimer = 0;

  constructor(readonly session: Session, readonly readOnly: boolean, private readonly owner: TerminalOwner) {
    this.terminal = new Terminal({
      allowProposedApi: false,
      cursorBlink: true,
      disableStdin: readOnly,
      fontFamily: 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace',
      fontSize: 14,
      screenReaderMode: forReaders(),
      scrollback: 10_000,
      theme: terminalTheme(),
      minimumContrastRatio: 3,
      // A hyperlink may be named otherwise than where it leads: so where it leads is shown first.
      linkHandler: {
        activate: (_event, uri) => {
          if (confirm(`Open this address?\n\n${uri}`)) openLink(uri);
        },
      },
    });
    this.build();
    this.endTheme = onTheme((theme) => (this.terminal.options.theme = theme));
    const output: Output = {
      onReset: () => this.terminal.reset(),
      onBytes: (bytes, done) => this.terminal.write(bytes, done),
      onAttached: (message) => {
        this.follow(message.rows, message.columns);
      },
      onGap: (missed) => this.say(`${missed} bytes were skipped: they came faster than they can be drawn`, 4000),
      onEvent: () => {},
      onOver: (text) => this.end(text),
      onConnected: (connected) => this.onConnected(connected),
    };
    this.source = hasEnded(session)
      ? new Recording(session, output)
      : new Connection(session.id, readOnly, () => ({ rows: this.terminal.rows, cols: this.terminal.cols }), output);
    this.terminal.onData((text) => this.source.type(this.withHeldKeys(text)));
    this.terminal.onBinary((text) => this.source.typeBinary(text));
    this.terminal.onTitleChange((title) => (this.title = title));
    this.observer = new ResizeObserver(() => this.fitToPanel());
    this.observer.observe(this.box);
  }

  private build(): void {
    this.panel.className = this.readOnly ? "panel follows" : "panel";
    this.panel.setAttribute("role", "tabpanel");
    this.box.className = "screen";
    this.status.className = "status";
    this.status.setAttribute("role", "status");
    this.statusText.className = "text";
    this.status.append(this.statusText);
    this.status.hidden = true;
    this.panel.append(this.box, this.status);
    document.getElementById("panels")!.append(this.panel);
    this.terminal.loadAddon(this.fit);
    this.terminal.loadAddon(new WebLinksAddon((_event, uri) => openLink(uri)));
    this.terminal.open(this.box);
    this.useWebgl();
    if (!this.readOnly) this.fit.fit();
    this.terminal.attachCustomKeyEventHandler((event) => !this.owner.onKey(event));
    this.box.addEventListener("paste", (event) => this.onPaste(event), true);
    // For those who look into the page, as its tests do.
    (this.box as any).terminal = this.terminal;
  }

  // What draws fastest, where there is it.
  private useWebgl(): void {
    try {
      const webgl = new WebglAddon();
      webgl.onContextLoss(() => webgl.dispose());
      this.terminal.loadAddon(webgl);
    } catch {
      // The terminal draws by itself.
    }
  }

  // The session's size, which somebody else may have set.
  follow(rows: number, columns: number): void {
    if (rows > 0 && columns > 0 && (rows !== this.terminal.rows || columns !== this.terminal.cols))
      this.terminal.resize(columns, rows);
  }

  fitToPanel(): void {
    if (this.readOnly || this.over || this.panel.hidden || this.box.clientHeight === 0) return;
    const { rows, cols } = this.terminal;
    this.fit.fit();
    if (rows !== this.terminal.rows || cols !== this.terminal.cols)
      this.source.resize(this.terminal.rows, this.terminal.cols);
  }

  show(shown: boolean): void {
    this.panel.hidden = !shown;
    if (!shown) return;
    this.fitToPanel();
    this.terminal.focus();
  }

  type(text: string): void {
    if (!this.readOnly && !this.over) this.source.type(text);
  }

  paste(text: string): void {
    if (!this.readOnly) this.terminal.paste(harmless(text));
  }

  close(): void {
    this.source.close();
    this.endTheme();
    this.observer.disconnect();
    this.terminal.dispose();
    this.panel.remove();
  }

  private onPaste(event: ClipboardEvent): void {
    event.preventDefault();
    event.stopPropagation();
    this.paste(event.clipboardData?.getData("text/plain") ?? "");
  }

  private withHeldKeys(text: string): string {
    if (text.length !== 1 || (!held.control && !held.alt)) return text;
    const code = text.toUpperCase().charCodeAt(0);
    if (held.control && code >= 0x40 && code <= 0x5f) text = String.fromCharCode(code & 0x1f);
    if (held.alt) text = "\x1b" + text;
    held.release();
    return text;
  }

  private end(text: string): void {
    this.over = true;
    this.terminal.options.disableStdin = true;
    this.terminal.options.cursorBlink = false;
    this.say(`${this.session.name}: ${text}`);
    this.owner.onOver(this, text);
  }

  // A moment without a connection is nothing to speak of.
  private onConnected(connected: boolean): void {
    clearTimeout(this.statusTimer);
    if (connected) this.status.hidden = true;
    else this.statusTimer = window.setTimeout(() => this.say("Connecting again…"), 1500);
  }

  private say(text: string, forTime?: number): void {
    clearTimeout(this.statusTimer);
    this.statusText.textContent = text;
    this.status.hidden = false;
    if (forTime !== undefined) this.statusTimer = window.setTimeout(() => (this.status.hidden = true), forTime);
  }
}

function openLink(uri: string): void {
  if (/^https?:\/\//i.test(uri)) window.open(uri, "_blank", "noopener,noreferrer");
}
