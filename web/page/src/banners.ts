// SPDX-License-Identifier: LGPL-2.1-or-later
// Notices above everything, one of each kind.

const list = document.getElementById("banners")!;

export interface Action {
  label: string;
  run: () => void;
}

// Shows or changes the banner of a kind. Alarms are read out at once by screen readers.
export function showBanner(kind: string, text: string, alarm = false, action?: Action): void {
  let banner = list.querySelector<HTMLElement>(`[data-kind="${kind}"]`);
  if (!banner) {
    banner = document.createElement("div");
    banner.dataset.kind = kind;
    banner.append(document.createElement("span"));
    banner.firstElementChild!.className = "text";
    list.append(banner);
  }
  banner.className = alarm ? "banner alarm" : "banner";
  banner.setAttribute("role", alarm ? "alert" : "status");
  banner.firstElementChild!.textContent = text;
  banner.querySelector("button")?.remove();
  if (action) {
    const button = document.createElement("button");
    button.textContent = action.label;
    button.onclick = action.run;
    banner.append(button);
  }
}

export function hideBanner(kind: string): void {
  list.querySelector(`[data-kind="${kind}"]`)?.remove();
}
