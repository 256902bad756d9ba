// SPDX-License-Identifier: LGPL-2.1-or-later
import { ApiError, ask, backOff, hasEnded, howItEnded, openSocket, type Session } from "./api";
import { hideBanner, showBanner } from "./banners";

// What the daemon tells beside terminals: sessions, a drain, a stop.

export interface EventOwner {
  onSessions(sessions: Session[]): void;
  onSession(session: Session): void;
  onRemoved(session: Session): void;
  sessions(): Session[];
  onRefused(reason: string): void;
}

export class Events {
  private socket!: WebSocket;
  private attempt = 0;
  private countdown = 0;
  private stopping = new Set<string>(); // sessions that lived when the stop began

  constructor(private readonly owner: EventOwner) {
    this.open();
  }

  private open(): void {
    this.socket = openSocket("api/events");
    this.socket.onmessage = (event) => this.onMessage(JSON.parse(event.data));
    this.socket.onclose = (event) => {
      if (event.code === 1008) return this.owner.onRefused(event.reason);
      void this.again();
    };
  }

  private async again(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, backOff(this.attempt++)));
    // A browser does not tell why a WebSocket was refused: an ordinary request does.
    if (this.attempt > 2) {
      try {
        await ask("GET", "api/me");
      } catch (error) {
        const { status, message } = error as ApiError;
        if (status === 401) return this.owner.onRefused(message);
        showBanner("connection", "The server cannot be reached. Trying again…");
      }
    }
    this.open();
  }

  private onMessage(message: any): void {
    this.attempt = 0;
    hideBanner("connection");
    switch (message.type) {
      case "sessions": return this.owner.onSessions(message.sessions);
      case "session.new":
      case "session.changed": return this.owner.onSession(message.session);
      case "session.removed": return this.owner.onRemoved(message.session);
      case "server.shutdown":
      case "machine.shutdown": return this.onShutdown(message);
      case "state": return this.onState(message.to);
      case "drain.progress": return this.onDrain(message);
      case "daemon": return message.connected ? this.onConnected(message) : this.onDaemonGone(message);
    }
  }

  private onShutdown(message: { message: string; gracePeriodMs: number; gateway?: boolean }): void {
    // The gateway alone: sessions go on, and so does this page when it is back.
    if (message.gateway) return;
    this.stopping = new Set(this.owner.sessions().filter((session) => !hasEnded(session)).map((session) => session.id));
    const end = Date.now() + message.gracePeriodMs;
    const tell = () => {
      const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      showBanner("shutdown", `${message.message} – ${left} s left`, true);
    };
    clearInterval(this.countdown);
    this.countdown = window.setInterval(tell, 1000);
    tell();
  }

  // What became of each session.
  private onDaemonGone(message: { message?: string }): void {
    clearInterval(this.countdown);
    const ended = this.owner.sessions().filter((session) => this.stopping.has(session.id));
    const lines = ended.map((session) => `${session.name}: ${howItEnded(session) || "its end was not told"}`);
    const text = [message.message ?? "ptyd has stopped.", ...lines].join("\n");
    showBanner("shutdown", text, true, { label: "Connect again", run: () => location.reload() });
  }

  private onConnected(message: { state: string }): void {
    clearInterval(this.countdown);
    hideBanner("shutdown");
    this.onState(message.state);
  }

  private onState(state: string): void {
    if (state === "draining") showBanner("drain", "Draining: no new sessions are taken.");
    else hideBanner("drain");
  }

  private onDrain(progress: { sessions: number; total: number; remainingMs: number }): void {
    const left = Math.ceil(progress.remainingMs / 1000);
    showBanner("drain", `Draining: ${progress.sessions} of ${progress.total} sessions are left, for ${left} s at most. No new ones are taken.`);
  }
}
