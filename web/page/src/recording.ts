// SPDX-License-Identifier: LGPL-2.1-or-later
import { ApiError, fetchBytes, howItEnded, type Session } from "./api";
import type { Output, Source } from "./source";

// What is kept of the output of a session that has ended. It takes no input.
export class Recording implements Source {
  private closed = false;

  constructor(private readonly session: Session, private readonly output: Output) {
    void this.load();
  }

  private async load(): Promise<void> {
    const { session, output } = this;
    // As it was drawn, once the terminal is on the page.
    await Promise.resolve();
    output.onAttached({ name: session.name, rows: session.rows, columns: session.columns, readOnly: true });
    try {
      const bytes = await fetchBytes(`api/sessions/${session.id}/output`);
      if (this.closed) return;
      output.onBytes(bytes, () => {});
      output.onOver(howItEnded(session));
    } catch (error) {
      if (!this.closed) output.onOver((error as ApiError).message);
    }
  }

  type(): void {}
  typeBinary(): void {}
  resize(): void {}

  close(): void {
    this.closed = true;
  }
}
