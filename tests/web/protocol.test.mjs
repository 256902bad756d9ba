// SPDX-License-Identifier: LGPL-2.1-or-later
// The gateway's HTTP and WebSockets, as an independent client sees them: docs/web.md.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import net from "node:net";
import { after, before, describe, test } from "node:test";
import { eventually, Gateway } from "./gateway.mjs";

// Sends bytes as they are; all that comes until the gateway closes.
function raw(gateway, bytes) {
  const { hostname, port } = new URL(gateway.url);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = net.connect(Number(port), hostname, () => socket.write(bytes));
    socket.setEncoding("latin1").on("data", (part) => (answer += part)).on("close", () => resolve(answer)).on("error", (error) =>
      error.code === "ECONNRESET" ? resolve(answer) : reject(error));
  });
}

function resident(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
}

describe("a gateway", () => {
  let gateway, token, looker;
  before(async () => {
    gateway = await Gateway.start({ PTYD_WEB_LIMITS_REQUESTS_PER_SECOND: "1000" });
    token = await gateway.token();
    looker = await gateway.token("--read-only");
  });
  after(() => gateway?.stop());

  test("lets nobody in without a grant", async () => {
    for (const path of ["/api/sessions", "/api/health", "/api/me", "/metrics", "/api/sessions/x"]) {
      assert.equal((await gateway.request("GET", path)).status, 401, path);
      assert.equal((await gateway.request("GET", path, { token: `${token}0` })).status, 401, path);
    }
    assert.equal((await gateway.request("POST", "/api/sessions", { body: {} })).status, 401);
    const socket = gateway.socketTo("/api/events", "000000000000.00");
    await socket.ended();
    assert.equal(socket.status, 401);
    // A cookie is no token, nor the other way round.
    const port = new URL(gateway.url).port;
    assert.equal((await gateway.request("GET", "/api/me", { headers: { Cookie: `ptyd_web_${port}=${token}` } })).status, 401);
  });

  test("takes a ticket once, for a cookie that only it can read", async () => {
    const ticket = /ticket=(.*)/.exec(await gateway.ticket("--session=one"))[1];
    const first = await gateway.request("POST", "/api/login", { body: { ticket } });
    assert.equal(first.status, 200);
    assert.equal(first.json.session, "one");
    const [cookie] = first.headers["set-cookie"];
    assert.match(cookie, /^ptyd_web_\d+=[0-9a-f]{12}\.[0-9a-f]{64}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
    assert.equal((await gateway.request("POST", "/api/login", { body: { ticket } })).status, 403);
    const headers = { Cookie: `a=b; ${cookie.split(";")[0]}` };
    assert.equal((await gateway.request("GET", "/api/me", { headers })).json.id, first.json.id);
    assert.equal((await gateway.request("POST", "/api/logout", { headers })).status, 200);
    assert.equal((await gateway.request("GET", "/api/me", { headers })).status, 401);
  });

  test("refuses tickets that are revoked or have expired", async () => {
    const ticketOf = (url) => /ticket=(.*)/.exec(url)[1];
    const revoked = ticketOf(await gateway.ticket());
    await gateway.ctl("web", "--revoke", revoked.split(".")[0]);
    assert.equal((await gateway.request("POST", "/api/login", { body: { ticket: revoked } })).status, 403);
    const short = await gateway.token("--expires=1s");
    await eventually(async () => (await gateway.request("GET", "/api/me", { token: short })).status === 401, "it expires");
    const list = JSON.parse(await gateway.ctl("--json=short", "web", "--list"));
    assert.ok(list.every(({ id }) => id !== short.split(".")[0] && id !== revoked.split(".")[0]));
  });

  test("of many that come with the same ticket lets one in", async () => {
    const ticket = /ticket=(.*)/.exec(await gateway.ticket())[1];
    const answers = await Promise.all(Array.from({ length: 10 }, () => gateway.request("POST", "/api/login", { body: { ticket } })));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(9).fill(403)]);
  });

  test("hears only those who mean it, and come from its own page", async () => {
    const own = new URL(gateway.url);
    const elsewhere = `127.0.0.1:${Number(own.port) + 1}`;
    const hosts = [null, "", "evil.example", "localhost", `localhost:${own.port}`, elsewhere, "127.0.0.1", `${own.host}.evil.example`, `${own.host}:80`, `evil@${own.host}`];
    for (const Host of hosts) {
      const answer = await gateway.request("GET", "/api/me", { token, headers: { Host } });
      assert.ok([400, 403].includes(answer.status), `Host ${Host}: ${answer.status}`);
      assert.equal((await gateway.request("GET", "/healthz", { headers: { Host } })).status, 403, `Host ${Host}`);
    }
    const origins = [null, "null", "", "http://evil.example", `https://${own.host}`, `http://${elsewhere}`, `http://localhost:${own.port}`,
      `${gateway.url}/`, `${gateway.url}.evil.example`, gateway.url.toUpperCase(), `${gateway.url}, ${gateway.url}`, "file://"];
    for (const Origin of origins) {
      const answer = await gateway.request("POST", "/api/sessions", { token, headers: { Origin }, body: { command: ["true"] } });
      assert.equal(answer.status, 403, `Origin ${Origin}`);
      const socket = gateway.socketTo("/api/events", token, { Origin });
      await socket.ended();
      assert.equal(socket.status, 403, `Origin ${Origin} of a WebSocket`);
      if (Origin !== null)
        assert.equal((await gateway.request("GET", "/api/me", { token, headers: { Origin } })).status, 403, `Origin ${Origin} of a GET`);
    }
    assert.equal((await gateway.request("GET", "/api/me", { token })).status, 200);
    // Twice is not once.
    const twice = `GET /healthz HTTP/1.1\r\nHost: ${own.host}\r\nHost: ${own.host}\r\nConnection: close\r\n\r\n`;
    assert.match(await raw(gateway, twice), /^HTTP\/1.1 403 /);
  });

  test("has a strict policy for its page, which needs nothing from elsewhere", async () => {
    const page = await gateway.request("GET", "/");
    assert.equal(page.status, 200);
    const policy = page.headers["content-security-policy"];
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|data:|http/);
    assert.equal(page.headers["x-content-type-options"], "nosniff");
    assert.doesNotMatch(page.text, /(src|href)="(https?:)?\/\//);
    assert.doesNotMatch(page.text, /<style|style="|\son\w+="|<script>/);
    const { etag } = page.headers;
    assert.equal((await gateway.request("GET", "/", { headers: { "If-None-Match": etag } })).status, 304);
    for (const path of ["/../config.hpp", "/%2e%2e/x", "//", "/index.html/..", "/main.js.gz", "/src/main.ts"])
      assert.equal((await gateway.request("GET", path)).status, 404, path);
  });

  test("creates, lists, shows and ends sessions", async () => {
    const made = await gateway.request("POST", "/api/sessions", { token, body: { name: "made", command: ["sh", "-c", "echo printed; exec sleep 1000"] } });
    assert.equal(made.status, 201);
    assert.equal(made.headers.location, `/api/sessions/${made.json.id}`);
    const list = await gateway.request("GET", "/api/sessions", { token });
    assert.ok(list.json.sessions.some(({ id, name }) => id === made.json.id && name === "made"));
    assert.equal((await gateway.request("GET", `/api/sessions/${made.json.id}`, { token })).json.name, "made");
    await eventually(async () => (await gateway.request("GET", "/api/sessions/made/output", { token })).text.includes("printed"));
    const again = await gateway.request("POST", "/api/sessions", { token, body: { name: "made", command: ["sleep", "1"] } });
    assert.equal(again.status, 409);
    assert.equal(again.json.error, "exists");
    const ended = await gateway.request("DELETE", `/api/sessions/${made.json.id}`, { token });
    assert.equal(ended.status, 200);
    assert.equal(ended.json.endedBy, "SIGTERM");
    for (const body of ["", "[]", "{", '{"nme":"x"}', '{"command":"ls"}', '{"name":"../x"}', `{"a":${"[".repeat(100)}`])
      assert.equal((await gateway.request("POST", "/api/sessions", { token, body })).status, 400, body);
    assert.equal((await gateway.request("GET", "/api/sessions/absent", { token })).status, 404);
    assert.equal((await gateway.request("PUT", "/api/sessions", { token })).status, 405);
  });

  test("tells of its health, and of the daemon's", async () => {
    const health = await gateway.request("GET", "/api/health", { token });
    for (const key of ["status", "state", "pid", "instanceId", "version", "uptime", "startedAt", "timestamp", "memoryUsage",
      "activeSessions", "totalSessions", "clients", "queued", "store", "socket"])
      assert.ok(key in health.json, key);
    assert.equal((await gateway.request("GET", "/healthz")).text, "ok\n");
    assert.equal((await gateway.request("GET", "/readyz")).text, "ok\n");
    const metrics = await gateway.request("GET", "/metrics", { token });
    assert.match(metrics.headers["content-type"], /^text\/plain; version=0.0.4/);
    assert.match(metrics.text, /^ptyd_web_websockets \d+$/m);
    assert.match(metrics.text, /^ptyd_state\{state="running"\} 1$/m);
    await gateway.ctl("drain", "--no-block");
    assert.equal((await gateway.request("GET", "/readyz")).status, 200, "a drain is healthy");
    const refused = await gateway.request("POST", "/api/sessions", { token, body: {} });
    assert.equal(refused.status, 503);
    assert.equal(refused.json.error, "draining");
    assert.ok(Number(refused.headers["retry-after"]) > 0);
    await gateway.ctl("drain", "--cancel");
  });

  test("gives each request an id, or takes the one it has", async () => {
    const given = await gateway.request("GET", "/healthz", { headers: { "X-Request-Id": "abc-123.x" } });
    assert.equal(given.headers["x-request-id"], "abc-123.x");
    const bad = await gateway.request("GET", "/healthz", { headers: { "X-Request-Id": "a b\tc" } });
    assert.match(bad.headers["x-request-id"], /^[0-9a-f]{16}$/);
    assert.match((await gateway.request("GET", "/nothing")).headers["x-request-id"], /^[0-9a-f]{16}$/);
  });

  test("answers HEAD without a body", async () => {
    const head = await gateway.request("HEAD", "/healthz", { headers: { Origin: null } });
    assert.deepEqual([head.status, head.text, head.headers["content-length"]], [200, "", "3"]);
    assert.equal((await gateway.request("HEAD", "/api/me", { token, headers: { Origin: null } })).status, 405);
    assert.equal((await gateway.request("POST", "/", { body: "" })).status, 405);
  });

  test("bounds what it is sent", async () => {
    const large = await gateway.request("POST", "/api/sessions", { token, body: "x".repeat(65 * 1024) }).catch((error) => error);
    assert.ok(large.status === 413 || large.code === "ECONNRESET" || large.code === "EPIPE", String(large.status ?? large));
    assert.equal((await gateway.request("GET", "/healthz", { headers: { X: "x".repeat(9000) } })).status, 431);
    assert.equal((await gateway.request("GET", "/healthz")).status, 200);
    const bad = ["GET\r\n\r\n", "\x00\x01\x02\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"];
    for (const bytes of bad) assert.match(await raw(gateway, bytes), /^HTTP\/1.1 400 /, JSON.stringify(bytes));
  });

  test("shows a terminal", async () => {
    const { id } = await gateway.session("shell", "bash", "--norc");
    const socket = gateway.terminal(id, token, "rows=30&columns=100");
    const attached = await socket.message("attached");
    assert.equal(attached.name, "shell");
    assert.deepEqual([attached.rows, attached.columns, attached.readOnly, attached.resumed], [30, 100, false, false]);
    socket.type("stty size; echo $((6 * 7))\n");
    await socket.printed("30 100\r\n42\r\n");
    socket.tell({ type: "resize", rows: 20, columns: 70 });
    socket.type("stty size\n");
    await socket.printed("20 70\r\n");
    socket.type("exit 3\n");
    assert.equal((await socket.message("ended")).exitStatus, 3);
    assert.equal((await socket.ended()).code, 1000);
    const late = gateway.terminal(id, token);
    assert.equal((await late.message("error")).code, "not-running");
  });

  test("goes on at the exact byte", async () => {
    const { id } = await gateway.session("counter", "sh", "-c", "i=0; while read x; do i=$((i + 1)); echo line $i; done");
    const first = gateway.terminal(id, token);
    const { position } = await first.message("attached");
    first.type("\n");
    await first.printed("line 1\r\n");
    const at = position + first.output.length;
    const whole = gateway.terminal(id, token);
    await whole.message("attached");
    first.close();
    whole.type("\n\n");
    await whole.printed("line 3\r\n");
    const second = gateway.terminal(id, token, `rows=24&columns=80&position=${at}`);
    assert.equal((await second.message("attached")).resumed, true);
    await second.printed("line 3\r\n");
    assert.equal(second.restore, "");
    assert.equal(second.output, whole.output);
    const liar = gateway.terminal(id, token, "rows=24&columns=80&position=99999999");
    assert.equal((await liar.message("attached")).resumed, false);
    for (const socket of [whole, second, liar]) socket.close();
  });

  test("lets those look who may only look", async () => {
    const { id } = await gateway.session("seen", "sh", "-c", "stty -echo; while read x; do echo got $x; done");
    const look = gateway.terminal(id, looker);
    assert.equal((await look.message("attached")).readOnly, true);
    look.type("forbidden\n");
    look.tell({ type: "resize", rows: 5, columns: 5 });
    const use = gateway.terminal(id, token);
    await use.message("attached");
    use.type("allowed\n");
    await look.printed("got allowed");
    assert.doesNotMatch(look.restore + look.output, /forbidden/);
    assert.equal((await gateway.request("GET", `/api/sessions/${id}`, { token })).json.rows, 24);
    for (const [method, path] of [["POST", "/api/sessions"], ["DELETE", `/api/sessions/${id}`]])
      assert.equal((await gateway.request(method, path, { token: looker, body: {} })).status, 403, path);
    for (const socket of [look, use]) socket.close();
  });

  test("shows no other session to those who may see one", async () => {
    const one = await gateway.session("one", "sleep", "1000");
    const other = await gateway.session("other", "sleep", "1000");
    const only = await gateway.token("--session=one");
    assert.deepEqual((await gateway.request("GET", "/api/sessions", { token: only })).json.sessions.map(({ name }) => name), ["one"]);
    for (const path of ["", "/output"]) {
      assert.equal((await gateway.request("GET", `/api/sessions/${other.id}${path}`, { token: only })).status, 404);
      assert.equal((await gateway.request("GET", `/api/sessions/${one.id}${path}`, { token: only })).status, 200);
    }
    assert.equal((await gateway.request("DELETE", "/api/sessions/other", { token: only })).status, 404);
    assert.equal((await gateway.request("POST", "/api/sessions", { token: only, body: {} })).status, 403);
    assert.equal((await gateway.request("GET", "/api/health", { token: only })).status, 403);
    assert.doesNotMatch((await gateway.request("GET", "/metrics", { token: only })).text, /^ptyd_sessions/m);
    const byName = gateway.terminal("one", only);
    assert.equal((await byName.message("attached")).id, one.id);
    byName.close();
    const hidden = gateway.terminal(other.id, only);
    assert.equal((await hidden.message("error")).code, "not-found");
    const shown = gateway.terminal(one.id, only);
    await shown.message("attached");
    const events = gateway.socketTo("/api/events", only);
    assert.equal((await events.message("sessions")).sessions.length, 1);
    await gateway.ctl("terminate", "other");
    await gateway.ctl("terminate", "one");
    await eventually(() => events.messages.some(({ session }) => session?.state === "stopped"));
    assert.ok(events.messages.every(({ session }) => !session || session.name === "one"));
    events.close();
  });

  test("ends a WebSocket whose grant is revoked", async () => {
    const mine = await gateway.token();
    const { id } = await gateway.session("kept", "sleep", "1000");
    const sockets = [gateway.terminal(id, mine), gateway.socketTo("/api/events", mine)];
    await sockets[0].message("attached");
    await sockets[1].message("sessions");
    await gateway.ctl("web", "--revoke", mine.split(".")[0]);
    for (const socket of sockets) assert.equal((await socket.ended()).code, 1008);
    assert.equal((await gateway.request("GET", "/api/me", { token: mine })).status, 401);
  });

  test("closes WebSockets that break the rules, and those alone", async () => {
    const { id } = await gateway.session("victim", "cat");
    const good = gateway.terminal(id, token);
    await good.message("attached");
    const rude = ["no JSON", "[]", "{}", '{"type":"resize"}', '{"type":"resize","rows":0,"columns":5}', '{"type":"drawn","bytes":-1}',
      '{"type":"drawn","bytes":999999999}', '{"type":"what"}', "x".repeat(65 * 1024)];
    for (const message of rude) {
      const socket = gateway.terminal(id, token);
      await socket.message("attached");
      socket.socket.send(message);
      assert.ok([1008, 1009].includes((await socket.ended()).code), message.slice(0, 50));
    }
    const talker = gateway.socketTo("/api/events", token);
    await talker.message("sessions");
    talker.socket.send("{}");
    assert.equal((await talker.ended()).code, 1008);
    // Not what RFC 6455 has for a frame: no mask.
    const victim = gateway.terminal(id, token);
    await victim.message("attached");
    victim.socket._socket.write(Buffer.from([0x81, 0x01, 0x41]));
    await victim.ended();
    good.type("still here\n");
    await good.printed("still here\r\nstill here");
    good.close();
  });

  test("sends a browser no more than it draws", async (t) => {
    const { id } = await gateway.session("flood", "sh", "-c", "read x; yes 0123456789abcdef; echo");
    const stuck = gateway.terminal(id, token);
    await stuck.message("attached");
    stuck.draws = false;
    const live = gateway.terminal(id, token);
    await live.message("attached");
    live.type("\n");
    // The window, and the frame that passed it.
    const most = 64 * 1024 + 64 * 1024 + 8 * 1024;
    await eventually(() => stuck.bytes >= 64 * 1024, "the window is full");
    await eventually(() => live.bytes > 20_000_000, "the other one goes on");
    assert.ok(stuck.bytes <= most, `${stuck.bytes} bytes were sent to who draws nothing`);
    // The key is not behind all that was printed.
    const before = live.bytes;
    live.type("\x03");
    await live.message("ended");
    t.diagnostic(`figure: ${Math.round((live.bytes - before) / 1024)} KiB came after ^C in a flood`);
    assert.ok(live.bytes - before < 4_000_000, `${live.bytes - before} bytes after the key`);
    // It is shown the end once it draws again.
    stuck.draws = true;
    stuck.drawn();
    await stuck.message("ended");
    assert.ok(stuck.messages.some(({ type }) => type === "gap"));
  });

  test("serves five hundred WebSockets at once", async (t) => {
    const { id } = await gateway.session("crowd", "cat");
    const before = resident(gateway.web.pid);
    // A session takes 64 viewers: the others are of more sessions.
    const ids = [id];
    for (let i = 0; i < 8; ++i) ids.push((await gateway.session(`crowd-${i}`, "cat")).id);
    const sockets = Array.from({ length: 500 }, (_, i) => gateway.terminal(ids[i % ids.length], token));
    for (const socket of sockets) await socket.message("attached");
    const perBrowser = (resident(gateway.web.pid) - before) / sockets.length;
    t.diagnostic(`figure: ${perBrowser.toFixed(0)} KiB of the gateway's memory for each of 500 open terminals`);
    for (const [i, socket] of ids.map((_, i) => [i, sockets[i]])) socket.type(`word ${i}\n`);
    for (const [i, socket] of sockets.entries()) await socket.printed(`word ${i % ids.length}\r\nword ${i % ids.length}\r\n`);
    assert.match((await gateway.request("GET", "/metrics", { token })).text, /^ptyd_web_websockets 50[0-9]$/m);
    for (const socket of sockets) socket.close();
    await eventually(async () => /^ptyd_web_websockets 0$/m.test((await gateway.request("GET", "/metrics", { token })).text));
    const descriptors = readdirSync(`/proc/${gateway.web.pid}/fd`).length;
    assert.ok(descriptors < 50, `${descriptors} descriptors are left open`);
  });
});

test("a gateway counts connections, and requests of each", async () => {
  const gateway = await Gateway.start({ PTYD_WEB_LIMITS_REQUESTS_PER_SECOND: "2", PTYD_WEB_LIMITS_CONNECTIONS: "20", PTYD_WEB_LIMITS_WEBSOCKETS: "3" });
  try {
    const token = await gateway.token();
    const other = await gateway.token();
    const answers = [];
    for (let i = 0; i < 30; ++i) answers.push(await gateway.request("GET", "/api/me", { token }));
    const refused = answers.find(({ status }) => status === 429);
    assert.ok(refused, "thirty at once are too many");
    assert.ok(Number(refused.headers["retry-after"]) > 0);
    assert.equal((await gateway.request("GET", "/api/me", { token: other })).status, 200, "others are not held up");
    const sockets = [];
    for (let i = 0; i < 4; ++i) {
      const mine = await gateway.token();
      sockets.push(gateway.socketTo("/api/events", mine));
      await sockets[i].opened();
    }
    assert.equal(sockets[3].status, 503);
    for (const socket of sockets) socket.close();
    const { hostname, port } = new URL(gateway.url);
    const idle = Array.from({ length: 30 }, () => net.connect(Number(port), hostname));
    const answered = await eventually(() => idle.find((socket) => socket.readableLength > 0));
    assert.match(String(answered.read()), /^HTTP\/1.1 503 /);
    for (const socket of idle) socket.destroy();
    await eventually(async () => (await gateway.request("GET", "/healthz").catch(() => ({}))).status === 200, "there is room again");
  } finally {
    await gateway.stop();
  }
});

test("a daemon that stops is told of, and left alone", async () => {
  const gateway = await Gateway.start();
  try {
    const token = await gateway.token();
    const { id } = await gateway.session("stubborn", "bash", "-c", "trap '' TERM HUP; echo ready; while :; do sleep 0.1; done");
    const terminal = gateway.terminal(id, token);
    await terminal.printed("ready");
    const events = gateway.socketTo("/api/events", token);
    await events.message("sessions");
    gateway.daemon.child.kill("SIGTERM");
    for (const socket of [terminal, events]) {
      const notice = await socket.message("server.shutdown");
      assert.equal(notice.message, "Server shutting down");
      assert.equal(notice.gracePeriodMs, 5000);
    }
    const refused = await gateway.request("GET", "/api/sessions", { token });
    assert.equal(refused.status, 503);
    assert.equal(refused.json.error, "shutting-down");
    assert.ok(Number(refused.headers["retry-after"]) > 0);
    assert.equal((await gateway.request("GET", "/readyz")).status, 503);
    assert.equal((await gateway.request("GET", "/healthz")).status, 200);
    const late = gateway.terminal(id, token);
    assert.equal((await late.ended()).code, 1001);
    assert.equal((await terminal.message("ended")).signal, "SIGKILL");
    await eventually(() => events.messages.some((message) => message.type === "daemon" && message.connected === false));
    assert.ok(events.messages.some(({ session }) => session?.id === id && session.endedBy === "SIGKILL"));
    await gateway.daemon.ended;
    // The next one serves as soon as somebody asks.
    await gateway.startDaemon();
    assert.equal((await gateway.request("GET", "/api/sessions", { token })).status, 200);
    events.close();
  } finally {
    await gateway.stop();
  }
});

test("a daemon that crashes is not noticed", async () => {
  const gateway = await Gateway.start();
  try {
    const token = await gateway.token();
    const { id } = await gateway.session("shell", "bash", "--norc");
    const terminal = gateway.terminal(id, token);
    await terminal.message("attached");
    const events = gateway.socketTo("/api/events", token);
    await events.message("sessions");
    await gateway.daemon.kill("SIGKILL");
    terminal.type("echo while it was $((40 + 2)) away\n");
    await terminal.printed("while it was 42 away");
    const asked = gateway.request("GET", "/api/sessions", { token });
    await gateway.startDaemon();
    assert.equal((await asked).status, 200, "a request waits for the next one");
    await eventually(() => events.messages.filter(({ type }) => type === "sessions").length === 2, "all is told anew");
    assert.ok(events.messages.every(({ type, connected }) => type !== "daemon" || connected));
    assert.equal(terminal.closed, null);
    for (const socket of [terminal, events]) socket.close();
  } finally {
    await gateway.stop();
  }
});

test("a gateway that stops tells, and finishes what it was asked", async () => {
  const gateway = await Gateway.start();
  try {
    const token = await gateway.token();
    const { id } = await gateway.session("slow", "bash", "-c", "trap 'sleep 1; exit' TERM; echo ready; while :; do sleep 0.05; done");
    const terminal = gateway.terminal(id, token);
    await terminal.printed("ready");
    const answer = gateway.request("DELETE", `/api/sessions/${id}`, { token });
    await eventually(async () => JSON.parse(await gateway.ctl("--json=short", "status", "slow")).state === "stopping");
    const exit = gateway.web.kill();
    const notice = await terminal.message("server.shutdown");
    assert.equal(notice.gateway, true);
    assert.equal((await terminal.ended()).code, 1001);
    assert.equal((await answer).status, 200);
    assert.deepEqual(await exit, { code: 0, signal: null });
    assert.match(gateway.web.log, /Graceful shutdown complete/);
  } finally {
    await gateway.stop();
  }
});
