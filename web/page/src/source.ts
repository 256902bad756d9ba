// SPDX-License-Identifier: LGPL-2.1-or-later
// Where a terminal's output comes from, and its keys go to.

export interface Source {
  type(text: string): void;
  // Bytes that are no text: some mouse reports.
  typeBinary(text: string): void;
  resize(rows: number, columns: number): void;
  close(): void;
}

export interface Output {
  // Of another program than the last time, or after too much was missed: forget what is shown.
  onReset(): void;
  // `done` is called once the bytes have been drawn.
  onBytes(bytes: Uint8Array, done: () => void): void;
  onAttached(message: { name: string; rows: number; columns: number; readOnly: boolean }): void;
  onGap(missed: number): void;
  onEvent(message: { type: string }): void;
  // It is over, and why.
  onOver(text: string): void;
  onConnected(connected: boolean): void;
}
