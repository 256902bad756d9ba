// SPDX-License-Identifier: LGPL-2.1-or-later
import { ask, ApiError, hasEnded, howItEnded, type Grant, type Session } from "./api";
import { showBanner } from "./banners";
import { askFor } from "./dialogs";

// The list of sessions.

const list = document.getElementById("sessions")!;
const none = document.getElementById("no-sessions")!;

export class Sessions {
  private readonly known = new Map<string, Session>();

  constructor(private readonly grant: Grant, private readonly onOpen: (session: Session, readOnly: boolean) => void) {
    // Times are told as "ago".
    setInterval(() => this.draw(), 10_000);
  }

  replace(sessions: Session[]): void {
    this.known.clear();
    for (const session of sessions) this.known.set(session.id, session);
    this.draw();
  }

  change(session: Session): void {
    this.known.set(session.id, session);
    this.draw();
  }

  remove(session: Session): void {
    this.known.delete(session.id);
    this.draw();
  }

  all(): Session[] {
    return [...this.known.values()];
  }

  focus(): void {
    list.querySelector("button")?.focus();
  }

  async create(): Promise<void> {
    const dialog = document.getElementById("new-dialog")!;
    const problem = dialog.querySelector(".problem")!;
    let entered: Record<string, string> | null = {};
    problem.textContent = "";
    while ((entered = await askFor("new-dialog", entered))) {
      const request: Record<string, unknown> = {};
      if (entered.name) request.name = entered.name;
      if (entered.cwd) request.cwd = entered.cwd;
      if (entered.command) request.command = ["/bin/sh", "-c", entered.command];
      try {
        const session = await ask<Session>("POST", "api/sessions", request);
        this.change(session);
        return this.onOpen(session, false);
      } catch (error) {
        problem.textContent = (error as ApiError).message;
      }
    }
  }

  private async end(session: Session): Promise<void> {
    document.getElementById("end-text")!.textContent =
      `“${session.name}” is asked to end, and made to after ${Math.ceil(session.stopTimeoutMs / 1000)} s.`;
    if (!(await askFor("end-dialog"))) return;
    try {
      await ask("DELETE", `api/sessions/${session.id}`);
    } catch (error) {
      showBanner("end", `${session.name} was not ended: ${(error as ApiError).message}`, true);
    }
  }

  private draw(): void {
    const focused = (document.activeElement as HTMLElement | null)?.dataset.key;
    const sessions = this.all().sort(
      (a, b) => Number(hasEnded(a)) - Number(hasEnded(b)) || a.createdAt.localeCompare(b.createdAt),
    );
    list.replaceChildren(...sessions.map((session) => this.item(session)));
    none.hidden = sessions.length !== 0;
    if (focused) list.querySelector<HTMLElement>(`[data-key="${focused}"]`)?.focus();
  }

  private item(session: Session): HTMLElement {
    const item = document.createElement("li");
    item.className = "session";
    item.dataset.state = session.state;
    item.dataset.id = session.id;
    const line = (className: string, text: string) => {
      const part = document.createElement("span");
      part.className = className;
      part.textContent = text;
      item.append(part);
      return part;
    };
    line("name", this.ofMany() ? `${session.user}/${session.name}` : session.name);
    line("command", session.command.join(" ")).title = session.cwd;
    const facts = line("facts", "");
    const state = document.createElement("span");
    state.className = "state";
    state.textContent = howItEnded(session) || session.state;
    facts.append(state, ` · ${this.facts(session)}`);
    const actions = document.createElement("div");
    actions.className = "actions";
    const button = (label: string, run: () => void) => {
      const made = document.createElement("button");
      made.textContent = label;
      made.dataset.key = `${session.id}-${label}`;
      made.setAttribute("aria-label", `${label} ${session.name}`);
      made.onclick = run;
      actions.append(made);
    };
    if (hasEnded(session)) {
      button("Output", () => this.onOpen(session, true));
    } else {
      if (!this.grant.readOnly) button("Open", () => this.onOpen(session, false));
      button("Look", () => this.onOpen(session, true));
      if (!this.grant.readOnly) button("End", () => void this.end(session));
    }
    item.append(actions);
    return item;
  }

  // Root sees everybody's.
  private ofMany(): boolean {
    return new Set(this.all().map(({ user }) => user)).size > 1;
  }

  private facts(session: Session): string {
    if (session.endedAt) return `${ago(session.endedAt)} ago`;
    const facts = [`since ${ago(session.startedAt ?? session.createdAt)}`];
    if (session.state === "idle" && session.lastActivity) facts.push(`idle ${ago(session.lastActivity)}`);
    facts.push(session.clients === 1 ? "1 viewer" : `${session.clients} viewers`);
    return facts.join(" · ");
  }
}

function ago(time: string): string {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}
