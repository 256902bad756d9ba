// SPDX-License-Identifier: LGPL-2.1-or-later
// The page in a real browser, used as a person does. Screenshots are left in $PTYD_BUILD/screenshots.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { eventually, Gateway, patience } from "./gateway.mjs";

const folder = join(process.env.PTYD_BUILD, "screenshots");
mkdirSync(folder, { recursive: true });

// What a page showed wrong: its console's errors, with violations of its policy, and exceptions.
const problems = [];
const expected = /WebSocket connection to .* failed|Failed to load resource/;

let browser;
before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
});
after(() => browser?.close());

class Person {
  static async open(gateway, words = [], options = {}) {
    const person = new Person();
    person.context = await browser.newContext({ viewport: { width: 1100, height: 700 }, ...options });
    person.context.setDefaultTimeout(patience);
    await person.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: gateway.url });
    person.page = await person.context.newPage();
    person.page.on("pageerror", (error) => problems.push(String(error)));
    person.page.on("console", (message) => {
      if (message.type() === "error" && !expected.test(message.text())) problems.push(message.text());
    });
    await person.page.goto(await gateway.ticket(...words));
    return person;
  }
  button(name) {
    return this.page.getByRole("button", { name, exact: true });
  }
  async use(session) {
    await this.button(`Open ${session}`).click();
    await this.ready();
  }
  // The terminal in front is connected.
  async ready() {
    await this.shows(/\S/);
  }
  // What the terminal in front shows, with what has left its screen.
  text() {
    return this.page.evaluate(() => {
      const { terminal } = document.querySelector(".panel:not([hidden]) .screen");
      const { active } = terminal.buffer;
      const lines = [];
      for (let y = 0; y < active.length; ++y) {
        const line = active.getLine(y);
        const text = line.translateToString(!active.getLine(y + 1)?.isWrapped);
        if (line.isWrapped) lines[lines.length - 1] += text;
        else lines.push(text);
      }
      return lines.join("\n").trimEnd();
    });
  }
  shows(pattern) {
    return eventually(async () => pattern.test(await this.text().catch(() => "")), `the terminal shows ${pattern}`);
  }
  size() {
    return this.page.evaluate(() => {
      const { terminal } = document.querySelector(".panel:not([hidden]) .screen");
      return { rows: terminal.rows, columns: terminal.cols };
    });
  }
  async type(text) {
    await this.page.keyboard.type(text);
  }
  press(key) {
    return this.page.keyboard.press(key);
  }
  picture(name) {
    return this.page.screenshot({ path: join(folder, `${name}.png`) });
  }
  banner(text) {
    return this.page.locator(".banner", { hasText: text }).waitFor();
  }
  close() {
    return this.context.close();
  }
}

describe("the page", () => {
  let gateway;
  before(async () => {
    gateway = await Gateway.start();
  });
  after(() => gateway?.stop());
  afterEach(() => {
    assert.deepEqual(problems.splice(0), [], "the page had nothing to complain of");
  });

  test("opens by its address, once, and runs a shell", async () => {
    await gateway.session("shell", "bash", "--norc");
    const url = await gateway.ticket();
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(url);
    await page.getByRole("button", { name: "Open shell" }).waitFor();
    assert.doesNotMatch(page.url(), /ticket/, "the ticket is not left in the history");
    assert.equal(await page.evaluate(() => document.cookie), "", "no script can read the cookie");
    await page.reload();
    await page.getByRole("button", { name: "Open shell" }).waitFor();
    const stranger = await (await browser.newContext()).newPage();
    await stranger.goto(url);
    await stranger.getByText("was used before or has expired").waitFor();
    await stranger.context().close();
    await context.close();

    const person = await Person.open(gateway);
    await person.use("shell");
    await person.type("echo the answer is $((6 * 7)); ls --color=always /\n");
    await person.shows(/the answer is 42/);
    await person.picture("shell");
    await person.close();
  });

  test("shows the screen again as it was, in vim too, and follows the window", async () => {
    await gateway.session("editor", "vim", "-u", "NONE", "-N");
    const person = await Person.open(gateway);
    await person.use("editor");
    await person.shows(/~/);
    await person.type("ia first line\nand a second");
    await person.press("Escape");
    await person.shows(/and a second/);
    await eventually(async () => !/INSERT/.test(await person.text()), "vim has left its insert mode");
    await person.picture("vim");
    const before = await person.text();
    const size = await person.size();

    const other = await Person.open(gateway);
    await other.use("editor");
    await eventually(async () => (await other.text()) === before, "the other browser shows the same");
    await other.close();

    await person.page.setViewportSize({ width: 800, height: 500 });
    await eventually(async () => (await person.size()).rows < size.rows);
    const { rows, columns } = await person.size();
    await eventually(async () => {
      const session = JSON.parse(await gateway.ctl("--json=short", "status", "editor"));
      return session.rows === rows && session.columns === columns;
    }, "the session has the window's size");
    await person.type(":q!\n");
    await person.page.getByText("editor: exited with status 0").waitFor();
    await person.close();
  });

  test("shows two browsers the same session", async () => {
    await gateway.session("both", "bash", "--norc");
    const one = await Person.open(gateway);
    const two = await Person.open(gateway);
    await one.use("both");
    await two.use("both");
    await one.type("echo from $((1 + 0))\n");
    await two.shows(/from 1/);
    await two.type("echo from $((1 + 1))\n");
    await one.shows(/from 2/);
    await one.page.getByText("2 viewers").waitFor();
    // Closing the one ends neither the session nor the other.
    await one.page.getByRole("button", { name: "Close the tab both" }).click();
    await one.page.getByText("Open a session on the left").waitFor();
    await two.type("echo still $((1 + 2))\n");
    await two.shows(/still 3/);
    await one.close();
    await two.close();
  });

  test("lets those look who may only look", async () => {
    await gateway.session("seen", "bash", "--norc");
    const user = await Person.open(gateway);
    await user.use("seen");
    const looker = await Person.open(gateway, ["--read-only"]);
    assert.equal(await looker.button("New session").count(), 0);
    assert.equal(await looker.button("Open seen").count(), 0);
    assert.equal(await looker.button("End seen").count(), 0);
    await looker.button("Look seen").click();
    await looker.ready();
    await looker.type("echo forbidden\n");
    await user.type("echo allowed\n");
    await looker.shows(/^allowed/m);
    assert.doesNotMatch(await looker.text(), /forbidden/);
    await looker.picture("read-only");
    await looker.close();
    await user.close();
  });

  test("makes a session, renames its tab, and ends it when that is confirmed", async () => {
    const person = await Person.open(gateway);
    await person.button("New session").click();
    await person.page.getByLabel("Name", { exact: true }).first().fill("made");
    await person.page.getByLabel("Command").fill("echo made here; exec cat");
    await person.button("Create").click();
    await person.shows(/made here/);
    const tab = person.page.getByRole("tab", { name: "made" });
    await tab.focus();
    await person.press("F2");
    await person.page.locator("#rename-dialog input").fill("my tab");
    await person.press("Enter");
    await person.page.getByRole("tab", { name: "my tab" }).waitFor();
    await person.button("End made").click();
    await person.button("Cancel").click();
    assert.equal(JSON.parse(await gateway.ctl("--json=short", "status", "made")).endedAt, null);
    await person.button("End made").click();
    await person.picture("end");
    await person.button("End it").click();
    await person.page.getByText("made: ended by SIG").waitFor();
    // A name that is taken is told where it was entered.
    await gateway.session("taken", "cat");
    await person.button("New session").click();
    await person.page.getByLabel("Name", { exact: true }).first().fill("taken");
    await person.button("Create").click();
    await person.page.locator("#new-dialog .problem", { hasText: "taken" }).waitFor();
    await person.close();
  });

  test("shows what a session that has ended printed", async () => {
    await gateway.ctl("new", "build", "-d", "--", "sh", "-c", "seq 1 200; echo 'build failed'; exit 3");
    await gateway.ctl("wait", "build").catch(() => {}); // its status is the session's
    for (const words of [[], ["--read-only", "--session=build"]]) {
      const person = await Person.open(gateway, words);
      // An address for one session opens it by itself.
      if (words.length === 0) await person.button("Output build").click();
      await person.page.getByRole("tab", { name: "build (ended)", selected: true }).waitFor();
      await person.shows(/^1\n2\n[^]*\n200\nbuild failed$/);
      await person.page.locator(".status", { hasText: "build: exited with status 3" }).waitFor();
      await person.picture(words.length === 0 ? "ended" : "ended-only");
      await person.close();
    }
  });

  test("takes the end of a paste out of what is pasted", async () => {
    await gateway.session("paste", "bash", "-c", "stty raw -echo; printf '\\033[?2004hready\\r\\n'; cat -v");
    const person = await Person.open(gateway);
    await person.use("paste");
    await person.shows(/ready/);
    await person.page.evaluate(() => {
      const data = new DataTransfer();
      data.setData("text/plain", "one\x1b[20\x1b[201~1~rm -rf two\x9b201~three");
      const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
      document.querySelector(".panel:not([hidden]) textarea").dispatchEvent(event);
    });
    await person.shows(/three/);
    await person.press("q");
    await person.shows(/q$/);
    assert.match(await person.text(), /\^\[\[200~onerm -rf twothree\^\[\[201~q$/);
    await person.close();
  });

  test("copies what is selected, and pastes it", async () => {
    await gateway.session("copy", "bash", "--norc");
    const person = await Person.open(gateway);
    await person.use("copy");
    await person.type("echo cop''ied\n");
    await person.shows(/^copied/m);
    await person.page.evaluate(() => {
      const { terminal } = document.querySelector(".panel:not([hidden]) .screen");
      const rows = terminal.buffer.active;
      for (let y = 0; y < rows.length; ++y) if (rows.getLine(y).translateToString(true) === "copied") terminal.select(0, y, 6);
    });
    await person.press("Control+Shift+C");
    await eventually(async () => (await person.page.evaluate(() => navigator.clipboard.readText())) === "copied");
    await person.type("echo again: ");
    await person.press("Control+Shift+V");
    await person.press("Enter");
    await person.shows(/^again: copied/m);
    await person.close();
  });

  test("opens a link elsewhere, and nothing but links to pages", async () => {
    await gateway.session("links", "bash", "-c", "echo http://127.0.0.1:9/there; exec cat");
    const person = await Person.open(gateway);
    await person.use("links");
    await person.shows(/there/);
    const [popup] = await Promise.all([
      person.context.waitForEvent("page"),
      person.page.locator(".panel:not([hidden]) .xterm-screen").click({ position: { x: 60, y: 8 } }),
    ]);
    await eventually(() => /^http:\/\/127\.0\.0\.1:9\/there|chrome-error/.test(popup.url()));
    assert.equal(await person.page.evaluate(() => window.length), 0);
    await person.close();
  });

  test("answers no question about its title, and opens no address by itself", async () => {
    await gateway.session("title", "bash", "-c",
      "stty raw -echo; printf '\\033]0;evil\\007\\033[21tready\\r\\n\\033]8;;javascript:alert(1)\\007click\\033]8;;\\007\\r\\n'; cat -v");
    const person = await Person.open(gateway);
    await person.use("title");
    await person.shows(/click/);
    await person.press("q");
    await person.shows(/q$/);
    assert.doesNotMatch(await person.text(), /evil|\^\[\]/);
    await person.close();
  });

  test("answers the keyboard in a flood", async (t) => {
    await gateway.session("flood", "bash", "--norc");
    const person = await Person.open(gateway);
    await person.use("flood");
    await person.type("yes 'a line of a flood of a hundred megabytes' | head -c 100000000; echo the end\n");
    await person.shows(/flood of a hundred megabytes\n/);
    const started = Date.now();
    await person.press("Control+c");
    await person.type("echo after $((40 + 2))\n");
    await person.shows(/after 42/);
    const took = Date.now() - started;
    t.diagnostic(`figure: ${took} ms from ^C in a flood to the answer of the next command`);
    // Generous: minutes of backlog are what must not be.
    assert.ok(took < 20_000);
    assert.doesNotMatch(await person.text(), /^the end/m);
    await person.close();
  });

  test("sends a browser out when its access is revoked", async () => {
    const person = await Person.open(gateway);
    await person.page.locator("#sessions li").first().waitFor();
    const [browser] = JSON.parse(await gateway.ctl("--json=short", "web", "--list")).filter(({ kind }) => kind === "browser").slice(-1);
    await gateway.ctl("web", "--revoke", browser.id);
    await person.page.getByText("access was revoked or has expired").waitFor();
    await person.page.reload();
    await person.page.getByText("On the server, run").waitFor();
    await person.close();
  });

  test("is used by keyboard alone", async () => {
    await gateway.session("keyboard", "bash", "--norc");
    const person = await Person.open(gateway, ["--session=keyboard"]);
    await person.ready(); // it opens by itself: there is no other
    await person.type("echo one $((1 + 1))\n");
    await person.shows(/one 2/);
    await person.press("Control+Shift+L");
    assert.equal(await person.page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Open keyboard");
    await person.press("Tab");
    await person.press("Enter"); // Look
    await person.page.getByRole("tab", { name: "keyboard (read-only)", selected: true }).waitFor();
    await person.press("Control+Shift+ArrowRight");
    await person.page.getByRole("tab", { name: "keyboard", exact: true, selected: true }).waitFor();
    await person.type("echo two $((2 + 2))\n");
    await person.shows(/two 4/);
    await person.close();
  });

  test("has a row of keys for glass, a dark look, and words for screen readers", async () => {
    await gateway.session("glass", "bash", "--norc");
    const person = await Person.open(gateway, [], {
      viewport: { width: 400, height: 760 }, hasTouch: true, isMobile: true, colorScheme: "dark",
    });
    await person.page.getByLabel("Screen reader").check();
    await person.use("glass");
    await person.type("sleep 1000");
    await person.press("Enter");
    await person.button("Control, for the next key").click();
    await person.type("c");
    await person.type("echo back $((1 + 1))\n");
    await person.shows(/\^C[^]*back 2/);
    await person.button("Up").click();
    await person.press("Enter");
    await person.shows(/back 2[^]*back 2/);
    await eventually(async () => /back 2/.test(await person.page.locator(".xterm-accessibility-tree").textContent()));
    await person.picture("mobile");
    await person.close();
  });

  test("shows a drain, and what is left of it", async () => {
    const person = await Person.open(gateway);
    await person.page.locator("#sessions li").first().waitFor();
    await gateway.ctl("drain", "--no-block");
    await person.banner("Draining");
    await person.banner(/sessions are left/);
    await person.picture("drain");
    await gateway.ctl("drain", "--cancel");
    await person.page.locator(".banner").waitFor({ state: "detached" });
    await person.close();
  });

  test("does not notice a crash of the daemon", async () => {
    await gateway.session("crash", "bash", "--norc");
    const person = await Person.open(gateway);
    await person.use("crash");
    await gateway.daemon.kill("SIGKILL");
    await person.type("echo daemon $((20 + 1)) times gone\n");
    await person.shows(/daemon 21 times gone/);
    await gateway.startDaemon();
    await gateway.session("afterwards", "cat");
    await person.button("Open afterwards").waitFor();
    assert.equal(await person.page.locator(".banner").count(), 0);
    assert.equal(await person.page.locator(".panel .status:visible").count(), 0);
    await person.close();
  });

  test("goes on at the exact byte when the gateway was restarted", async () => {
    await gateway.session("exact", "bash", "-c", "read x; for ((i = 1; i <= 3000; ++i)); do echo number $i; sleep 0.001; done; echo done; read x");
    const person = await Person.open(gateway);
    await person.button("Open exact").click();
    await gateway.ctl("send", "exact", "\\n");
    for (const signal of ["SIGTERM", "SIGKILL"]) {
      await person.shows(/number \d+5/);
      await gateway.web.kill(signal);
      await gateway.startWeb();
    }
    await person.shows(/^done$/m);
    const numbers = (await person.text()).match(/^number \d+$/gm);
    assert.deepEqual(numbers, Array.from({ length: 3000 }, (_, i) => `number ${i + 1}`));
    await person.close();
  });

  test("tells of a stop, and what became of each session", async () => {
    await gateway.session("stubborn", "bash", "-c", "trap '' TERM HUP; echo ready; while :; do sleep 0.1; done");
    await gateway.session("polite", "bash", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done");
    const person = await Person.open(gateway);
    await person.use("stubborn");
    gateway.daemon.child.kill("SIGTERM");
    await person.banner(/Server shutting down – [45] s left/);
    await person.banner(/Server shutting down – [123] s left/);
    await person.picture("stopping");
    await person.banner("ptyd has stopped");
    await person.banner("stubborn: ended by SIGKILL");
    await person.banner("polite: exited with status 7");
    await person.page.getByText("stubborn: ended by SIGKILL").last().waitFor();
    await person.picture("stopped");
    await gateway.daemon.ended;
    await gateway.startDaemon();
    await person.button("Connect again").click();
    await person.page.locator("#sessions li").first().waitFor();
    assert.equal(await person.page.locator(".banner").count(), 0);
    await person.close();
  });
});
