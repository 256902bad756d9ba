// SPDX-License-Identifier: LGPL-2.1-or-later
// What the gateway is asked for, see docs/web.md.

export interface Session {
  id: string;
  name: string;
  user: string;
  state: string;
  command: string[];
  cwd: string;
  rows: number;
  columns: number;
  clients: number;
  createdAt: string;
  startedAt: string | null;
  lastActivity: string | null;
  endedAt: string | null;
  endedBy: string | null;
  exitStatus: number | null;
  stopTimeoutMs: number;
}

export interface Grant {
  id: string;
  readOnly: boolean;
  session: string | null;
  expiresAt: string;
}

export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

// Relative, so that a proxy may have the page below a path of its own.
const base = new URL(".", location.href);

async function request(path: string, options: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(new URL(path, base), options);
  } catch {
    throw new ApiError(0, "unreachable", "The server cannot be reached.");
  }
  if (response.ok) return response;
  const json = await response.json().catch(() => ({}));
  throw new ApiError(response.status, json.error ?? "", json.message ?? response.statusText);
}

export async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const options: RequestInit = { method };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const response = await request(path, options);
  return (await response.json().catch(() => ({}))) as T;
}

export async function fetchBytes(path: string): Promise<Uint8Array> {
  return new Uint8Array(await (await request(path, {})).arrayBuffer());
}

export function openSocket(path: string, parameters: Record<string, string | number> = {}): WebSocket {
  const url = new URL(path, base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, String(value));
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  return socket;
}

export function hasEnded(session: Session): boolean {
  return session.state === "stopped" || session.state === "error";
}

// "exited with status 0", "ended by SIGTERM", "lost"; empty while it lives.
export function howItEnded(session: Session): string {
  if (!hasEnded(session)) return "";
  if (session.endedBy === "exited") return `exited with status ${session.exitStatus}`;
  if (session.endedBy?.startsWith("SIG")) return `ended by ${session.endedBy}`;
  return session.endedBy ?? session.state;
}

// How long to wait before the next of some attempts, in milliseconds.
export function backOff(attempt: number): number {
  return Math.min(5000, 100 * 2 ** attempt);
}
