// SPDX-License-Identifier: LGPL-2.1-or-later
// xterm.js writes style elements and style attributes, which the page's content security policy
// forbids, as it does everything inline. The same by the style sheets' own interface is allowed:
// so what is written there goes that way. To be called before a terminal is made.
export function allowStylesOfTerminals(): void {
  const createElement = document.createElement.bind(document);
  document.createElement = ((name: string, options?: ElementCreationOptions) =>
    name === "style" ? standIn(createElement("div")) : createElement(name, options)) as typeof document.createElement;

  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name: string, value: string) {
    if (name === "style" && this instanceof HTMLElement) this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };
}

// In place of a style element, which even empty is not allowed: its text is a sheet of the document
// for as long as it is in it.
function standIn(element: HTMLElement): HTMLElement {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  element.hidden = true;
  Object.defineProperty(element, "sheet", { value: sheet });
  Object.defineProperty(element, "textContent", {
    set: (text: string) => sheet.replaceSync(text),
    get: () => "",
  });
  const remove = element.remove.bind(element);
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
    remove();
  };
  return element;
}
