// SPDX-License-Identifier: LGPL-2.1-or-later
import { ask, ApiError, hasEnded, type Grant } from "./api";
import { hideBanner } from "./banners";
import { Events } from "./events";
import { makeKeys } from "./keys";
import { Sessions } from "./sessions";
import { allowStylesOfTerminals } from "./strict_styles";
import { Tabs } from "./tabs";
import { forReaders, setForReaders } from "./terminal";
import { startTheme } from "./theme";

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;

allowStylesOfTerminals();
startTheme(element("theme"));
void start();

async function start(): Promise<void> {
  const ticket = ticketOf(location.hash);
  // It is used up now, and no longer anybody's business.
  if (ticket) history.replaceState(null, "", location.pathname + location.search);
  try {
    const grant = ticket ? await ask<Grant>("POST", "api/login", { ticket }) : await ask<Grant>("GET", "api/me");
    showApp(grant);
  } catch (error) {
    const problem = error as ApiError;
    showLogin(ticket || problem.status !== 401 ? problem.message : "");
  }
}

function ticketOf(text: string): string | null {
  return /ticket=([0-9a-f]+\.[0-9a-f]+)/.exec(text)?.[1] ?? null;
}

function showLogin(problem: string): void {
  element("app").hidden = true;
  element("login").hidden = false;
  element("login-problem").textContent = problem;
  element<HTMLFormElement>("login-form").onsubmit = (event) => {
    event.preventDefault();
    const ticket = ticketOf(element<HTMLInputElement>("ticket").value);
    if (!ticket) return void (element("login-problem").textContent = "That is no address of ‘ptyctl web’.");
    location.hash = `ticket=${ticket}`;
    location.reload();
  };
}

function showApp(grant: Grant): void {
  element("login").hidden = true;
  element("app").hidden = false;
  const tabs = new Tabs(() => sessions.focus());
  const sessions = new Sessions(grant, (session, readOnly) => tabs.open(session, readOnly));
  makeKeys(() => tabs.view, () => tabs.copy());

  const newButton = element("new-open");
  newButton.hidden = grant.readOnly || grant.session !== null;
  newButton.onclick = () => void sessions.create();
  element("help-open").onclick = () => element<HTMLDialogElement>("help-dialog").showModal();
  element("logout").onclick = async () => {
    await ask("POST", "api/logout").catch(() => {});
    location.reload();
  };
  const reader = element<HTMLInputElement>("reader");
  reader.checked = forReaders();
  reader.onchange = () => {
    setForReaders(reader.checked);
    if (tabs.view) tabs.view.terminal.options.screenReaderMode = reader.checked;
  };

  let first = true;
  new Events({
    onSessions: (all) => {
      sessions.replace(all);
      for (const session of all) tabs.onSession(session);
      // An address for one session is an address of its terminal.
      const only = all.find((session) => !hasEnded(session)) ?? all.at(-1);
      if (first && grant.session !== null && only) tabs.open(only, grant.readOnly);
      first = false;
    },
    onSession: (session) => {
      sessions.change(session);
      tabs.onSession(session);
    },
    onRemoved: (session) => sessions.remove(session),
    sessions: () => sessions.all(),
    onRefused: (reason) => {
      hideBanner("connection");
      showLogin(reason || "This browser may no longer look.");
    },
  });
}
