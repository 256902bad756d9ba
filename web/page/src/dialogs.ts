// SPDX-License-Identifier: LGPL-2.1-or-later

// Shows a dialog of the page, with its fields filled in; what was entered, or null when it was left.
export function askFor(id: string, fields: Record<string, string> = {}): Promise<Record<string, string> | null> {
  const dialog = document.getElementById(id) as HTMLDialogElement;
  const form = dialog.querySelector("form")!;
  form.reset();
  for (const [name, value] of Object.entries(fields)) {
    const input = form.elements.namedItem(name);
    if (input instanceof HTMLInputElement) input.value = value;
  }
  dialog.returnValue = "cancel";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => {
      if (dialog.returnValue !== "ok") return resolve(null);
      const entered: Record<string, string> = {};
      for (const [name, value] of new FormData(form)) entered[name] = String(value).trim();
      resolve(entered);
    };
  });
}
