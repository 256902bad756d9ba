// SPDX-License-Identifier: LGPL-2.1-or-later
import { backOff, openSocket } from "./api";
import type { Output, Source } from "./source";

// A session's output, by a WebSocket that is made anew when it is lost: then it goes on at the very
// byte where it was, if the session still has what comes next.

// It is said after so many bytes, and whenever nothing is left to be drawn, what was drawn.
const drawnStep = 32 * 1024;
// Typed and pasted text goes in messages of at most so many bytes.
const inputPiece = 32 * 1024;

export class Connection implements Source {
  private socket: WebSocket | null = null;
  private position: number | null = null; // of the next byte of output
  private received = 0; // on this socket
  private drawn = 0;
  private told = 0;
  private attempt = 0;
  private over = false;
  private retry = 0;

  constructor(
    private readonly session: string,
    private readonly readOnly: boolean,
    private readonly size: () => { rows: number; cols: number },
    private readonly output: Output,
  ) {
    this.open();
  }

  type(text: string): void {
    this.send(new TextEncoder().encode(text));
  }

  typeBinary(text: string): void {
    this.send(Uint8Array.from(text, (character) => character.charCodeAt(0)));
  }

  resize(rows: number, columns: number): void {
    this.tell({ type: "resize", rows, columns });
  }

  close(): void {
    this.over = true;
    clearTimeout(this.retry);
    this.socket?.close();
  }

  private open(): void {
    const { rows, cols } = this.size();
    const parameters: Record<string, string | number> = { rows, columns: cols };
    if (this.readOnly) parameters.readOnly = "true";
    if (this.position !== null) parameters.position = this.position;
    const socket = openSocket(`api/sessions/${encodeURIComponent(this.session)}/terminal`, parameters);
    this.socket = socket;
    this.received = this.drawn = this.told = 0;
    socket.onmessage = (event) => {
      if (typeof event.data === "string") this.onMessage(JSON.parse(event.data));
      else this.onBytes(socket, new Uint8Array(event.data));
    };
    socket.onclose = (event) => this.onClose(event);
  }

  private onMessage(message: any): void {
    switch (message.type) {
      case "attached":
        this.attempt = 0;
        if (!message.resumed) this.output.onReset();
        this.position = message.position;
        this.output.onConnected(true);
        return this.output.onAttached(message);
      case "gap":
        this.position = (this.position ?? 0) + message.missed;
        return this.output.onGap(message.missed);
      case "ended":
        return this.end(message.signal ? `ended by ${message.signal}` : `exited with status ${message.exitStatus}`);
      case "detached":
        return this.end(message.reason === "stolen" ? "another client took this session over" : `detached (${message.reason})`);
      case "error":
        return this.end(message.message);
      default:
        return this.output.onEvent(message);
    }
  }

  private onBytes(socket: WebSocket, message: Uint8Array): void {
    const bytes = message.subarray(1);
    if (message[0] === 0) this.position = (this.position ?? 0) + bytes.length;
    this.received += bytes.length;
    this.output.onBytes(bytes, () => {
      if (socket !== this.socket) return;
      this.drawn += bytes.length;
      if (this.drawn !== this.received && this.drawn - this.told < drawnStep) return;
      this.told = this.drawn;
      this.tell({ type: "drawn", bytes: this.drawn });
    });
  }

  private onClose(event: CloseEvent): void {
    if (this.over) return;
    this.output.onConnected(false);
    if (event.code === 1008) return this.end(event.reason || "this browser may no longer look");
    if (event.code === 1000) return this.end(event.reason || "closed");
    this.retry = window.setTimeout(() => this.open(), backOff(this.attempt++));
  }

  private end(text: string): void {
    if (this.over) return;
    this.over = true;
    this.output.onOver(text);
  }

  private send(bytes: Uint8Array): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    for (let at = 0; at < bytes.length; at += inputPiece) this.socket.send(bytes.slice(at, at + inputPiece));
  }

  private tell(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
