// SPDX-License-Identifier: LGPL-2.1-or-later
import { hasEnded, type Session } from "./api";
import { askFor } from "./dialogs";
import { TerminalView } from "./terminal";

// The open terminals, one a tab. Closing one ends nothing.

const tabList = document.getElementById("tabs")!;
const empty = document.getElementById("empty")!;

interface Tab {
  view: TerminalView;
  box: HTMLElement;
  button: HTMLElement;
}

const labelKey = (session: Session) => `ptyd-tab-${session.id}`;

export class Tabs {
  private readonly tabs: Tab[] = [];
  private current: Tab | null = null;

  constructor(private readonly onLeave: () => void) {}

  get view(): TerminalView | null {
    return this.current?.view ?? null;
  }

  open(session: Session, readOnly: boolean): void {
    const there = this.tabs.find((tab) => tab.view.session.id === session.id && tab.view.readOnly === readOnly);
    if (there && !there.view.over) return this.select(there);
    if (there) this.close(there);
    empty.hidden = true;
    for (const tab of this.tabs) tab.view.show(false);
    const view = new TerminalView(session, readOnly, {
      onOver: () => tab.box.classList.add("over"),
      onKey: (event) => this.onTerminalKey(event),
    });
    const tab = this.makeTab(view);
    this.tabs.push(tab);
    this.select(tab);
  }

  // A session's size is that of whoever was last active there.
  onSession(session: Session): void {
    for (const { view } of this.tabs)
      if (view.session.id === session.id && !view.over) view.follow(session.rows, session.columns);
  }

  private makeTab(view: TerminalView): Tab {
    const box = document.createElement("div");
    box.className = "tab";
    box.setAttribute("role", "presentation");
    const button = document.createElement("div");
    button.id = `tab-${view.session.id}-${view.readOnly ? "look" : "use"}`;
    button.setAttribute("role", "tab");
    view.panel.id = `panel-${button.id}`;
    view.panel.setAttribute("aria-labelledby", button.id);
    button.setAttribute("aria-controls", view.panel.id);
    const close = document.createElement("button");
    close.className = "close";
    close.textContent = "×";
    close.title = "Close this tab; the session goes on";
    close.setAttribute("aria-label", `Close the tab ${view.session.name}; the session goes on`);
    box.append(button, close);
    tabList.append(box);
    const tab: Tab = { view, box, button };
    this.setLabel(tab);
    button.onclick = () => this.select(tab);
    button.ondblclick = () => void this.rename(tab);
    button.onkeydown = (event) => this.onTabKey(tab, event);
    close.onclick = () => this.close(tab);
    return tab;
  }

  private setLabel(tab: Tab): void {
    const { session, readOnly } = tab.view;
    const note = hasEnded(session) ? " (ended)" : readOnly ? " (read-only)" : "";
    tab.button.textContent = (localStorage.getItem(labelKey(session)) ?? session.name) + note;
  }

  private async rename(tab: Tab): Promise<void> {
    const { session } = tab.view;
    const answer = await askFor("rename-dialog", { name: localStorage.getItem(labelKey(session)) ?? session.name });
    if (!answer) return;
    if (answer.name && answer.name !== session.name) localStorage.setItem(labelKey(session), answer.name);
    else localStorage.removeItem(labelKey(session));
    this.setLabel(tab);
  }

  private select(tab: Tab): void {
    this.current = tab;
    for (const other of this.tabs) {
      const selected = other === tab;
      other.box.classList.toggle("selected", selected);
      other.button.setAttribute("aria-selected", String(selected));
      other.button.tabIndex = selected ? 0 : -1;
      if (!selected) other.view.show(false);
    }
    tab.view.show(true);
    document.title = `${tab.button.textContent} – ptyd`;
  }

  private close(tab: Tab): void {
    const index = this.tabs.indexOf(tab);
    this.tabs.splice(index, 1);
    tab.view.close();
    tab.box.remove();
    const next = this.tabs[Math.min(index, this.tabs.length - 1)];
    if (next) return this.select(next);
    this.current = null;
    empty.hidden = false;
    document.title = "ptyd";
    this.onLeave();
  }

  private step(by: number): void {
    if (!this.current || this.tabs.length === 0) return;
    const index = this.tabs.indexOf(this.current) + by + this.tabs.length;
    this.select(this.tabs[index % this.tabs.length]!);
  }

  // Arrows move between tabs, as in every list of tabs.
  private onTabKey(tab: Tab, event: KeyboardEvent): void {
    if (event.key === "F2") void this.rename(tab);
    else if (event.key === "Delete") this.close(tab);
    else if (event.key === "Enter" || event.key === " ") this.select(tab);
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      this.step(event.key === "ArrowLeft" ? -1 : 1);
      this.current?.button.focus();
    } else return;
    event.preventDefault();
  }

  private onTerminalKey(event: KeyboardEvent): boolean {
    if (!event.ctrlKey || !event.shiftKey || event.altKey || event.metaKey) return false;
    const key = event.key.toLowerCase();
    if (!["l", "c", "v", "arrowleft", "arrowright"].includes(key)) return false;
    // The browser's own paste brings the text.
    if (key === "v") return true;
    if (event.type === "keydown") {
      if (key === "l") this.onLeave();
      if (key === "c") this.copy();
      if (key === "arrowleft") this.step(-1);
      if (key === "arrowright") this.step(1);
      event.preventDefault();
    }
    return true;
  }

  copy(): void {
    const text = this.view?.terminal.getSelection();
    if (text) void navigator.clipboard?.writeText(text);
  }
}
