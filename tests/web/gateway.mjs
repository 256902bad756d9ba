// SPDX-License-Identifier: LGPL-2.1-or-later
// A daemon and a gateway of the test's own, in a folder of their own, and what talks to them.
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import WebSocket from "ws";

const build = process.env.PTYD_BUILD;
if (!build) throw new Error("PTYD_BUILD must name the folder where ptyd was built");
const source = process.env.PTYD_SOURCE;

// How long a test waits for something that must happen: it only costs time when the test fails.
export const patience = 45_000;

// Asks until the condition holds; its last answer.
export async function eventually(condition, what = condition.toString()) {
  const end = Date.now() + patience;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`this did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

class Program {
  log = "";
  constructor(path, words, env) {
    this.child = spawn(path, words, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
    this.child.stderr.setEncoding("utf8").on("data", (text) => (this.log += text));
    this.ended = new Promise((resolve) => this.child.on("exit", (code, signal) => resolve({ code, signal })));
  }
  async waitLog(part) {
    let over = false;
    void this.ended.then(() => (over = true));
    await eventually(() => this.log.includes(part) || over, `${part} in the log`);
    if (!this.log.includes(part)) throw new Error(`it ended:\n${this.log}`);
  }
  kill(signal = "SIGTERM") {
    this.child.kill(signal);
    return this.ended;
  }
  get pid() {
    return this.child.pid;
  }
}

export class Gateway {
  folder = mkdtempSync(join(tmpdir(), "ptyd-web-test-"));
  socket = join(this.folder, "run/ptyd.sock");
  settings = {};

  static async start(settings = {}) {
    const gateway = new Gateway();
    gateway.settings = settings;
    for (const name of ["run", "state"]) mkdirSync(join(gateway.folder, name), { mode: 0o700 });
    await gateway.startDaemon();
    await gateway.startWeb("127.0.0.1:0");
    return gateway;
  }

  async startDaemon() {
    this.daemon = new Program(
      join(build, "daemon/ptyd"),
      ["--user", "--socket", this.socket, "--runtime-dir", join(this.folder, "run"), "--state-dir", join(this.folder, "state"),
        "--config", join(source, "config/ptyd.yaml")],
      {
        PTYD_SESSION_PROGRAM: join(build, "session/ptyd-session"),
        PTYD_LIMITS_CLIENTS: "5000", PTYD_LIMITS_CLIENTS_PER_USER: "5000",
        DBUS_SESSION_BUS_ADDRESS: "disabled:",
      },
    );
    await this.daemon.waitLog("is ready");
  }

  async startWeb(address = new URL(this.url).host) {
    this.web = new Program(join(build, "web/ptyd-web"), ["--listen", address, "--config", "/dev/null"], this.webEnvironment());
    await this.web.waitLog("Serving");
    this.url = /Serving (\S+)/.exec(this.web.log)[1];
  }

  webEnvironment() {
    return { PTYD_SOCKET: this.socket, PTYD_WEB_ACCESS_FOLDER: join(this.folder, "access"), PTYD_WEB_LOG_LEVEL: "debug", ...this.settings };
  }

  // Runs ptyctl; what it printed.
  ctl(...words) {
    const env = { ...process.env, ...this.webEnvironment(), PTYD_WEB_PROGRAM: join(build, "web/ptyd-web"), PTYD_WEB_CONFIG: "/dev/null" };
    return new Promise((resolve, reject) =>
      execFile(join(build, "ctl/ptyctl"), ["--socket", this.socket, ...words], { env }, (error, out, problem) =>
        error ? reject(new Error(problem || String(error))) : resolve(out.trimEnd())),
    );
  }

  // An address to open.
  ticket(...words) {
    return this.ctl("web", "--url", this.url, ...words);
  }
  token(...words) {
    return this.ctl("web", "--token", "--url", this.url, ...words);
  }

  async session(name, ...command) {
    await this.ctl("new", name, "-d", "--", ...command);
    return JSON.parse(await this.ctl("--json=short", "status", name));
  }

  // One request; its status, headers and body. `Host` and `Origin` as a browser on the page has them.
  async request(method, path, { headers = {}, body, token, agent } = {}) {
    const own = { Host: new URL(this.url).host, ...(method === "GET" ? {} : { Origin: this.url }) };
    if (token) own.Authorization = `Bearer ${token}`;
    return new Promise((resolve, reject) => {
      const all = Object.entries({ ...own, ...headers }).filter(([, value]) => value !== null);
      const { hostname, port } = new URL(this.url);
      // The path as it is: a URL would be tidied up.
      const request = http.request({ hostname, port, path, method, headers: Object.fromEntries(all), agent, setHost: false }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part) => (text += part)).on("end", () => {
          let json;
          try { json = JSON.parse(text); } catch { json = null; }
          resolve({ status: response.statusCode, headers: response.headers, text, json });
        });
      });
      request.on("error", reject);
      request.end(body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body));
    });
  }

  // A WebSocket of an independent client.
  socketTo(path, token, headers = {}) {
    const all = { Origin: this.url, Authorization: `Bearer ${token}`, ...headers };
    return new TestSocket(new WebSocket(this.url.replace("http", "ws") + path, {
      headers: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null)),
    }));
  }

  terminal(session, token, parameters = "rows=24&columns=80") {
    return this.socketTo(`/api/sessions/${session}/terminal?${parameters}`, token);
  }

  async stop() {
    for (const program of [this.web, this.daemon]) if (program) await program.kill();
    // What a daemon that was killed left.
    for (const pid of readHosts(this.socket)) process.kill(pid, "SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

// The session hosts of a daemon.
function readHosts(socket) {
  const found = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      if (line.includes("ptyd-session") && line.includes(socket)) found.push(Number(pid));
    } catch { /* it has ended */ }
  }
  return found;
}

// What came on a WebSocket: messages in text, and bytes by their kind.
export class TestSocket {
  messages = [];
  output = "";
  restore = "";
  bytes = 0;
  closed = null;
  status = null;
  constructor(socket) {
    this.socket = socket;
    socket.on("message", (data, binary) => {
      if (!binary) return void this.messages.push(JSON.parse(data.toString()));
      this.bytes += data.length - 1;
      const text = data.subarray(1).toString("latin1");
      if (data[0] === 0) this.output += text;
      else this.restore += text;
      if (this.draws) this.drawn();
    });
    socket.on("close", (code, reason) => (this.closed = { code, reason: reason.toString() }));
    socket.on("unexpected-response", (_request, response) => {
      this.status = response.statusCode;
      response.resume();
      this.closed = { code: 0 };
    });
    socket.on("error", (error) => (this.error = error));
  }
  draws = true;
  drawn() {
    this.tell({ type: "drawn", bytes: this.bytes });
  }
  tell(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
  type(text) {
    this.socket.send(Buffer.from(text));
  }
  opened() {
    return eventually(() => this.socket.readyState === WebSocket.OPEN || this.closed, "the WebSocket opens");
  }
  message(type) {
    return eventually(() => this.messages.find((message) => message.type === type), `a message ${type}`);
  }
  printed(part) {
    return eventually(() => (this.restore + this.output).includes(part), `the output ${JSON.stringify(part)}`);
  }
  ended() {
    return eventually(() => this.closed, "the WebSocket is closed");
  }
  close() {
    this.socket.terminate();
  }
}
