// SPDX-License-Identifier: LGPL-2.1-or-later
// Text from elsewhere may hold the sequence that ends a bracketed paste, and after it what a shell
// would take for typed. So it is taken out, until none is left: also one that others hide in.
export function harmless(text: string): string {
  const end = /(?:\x1b\[|\x9b)201~/g;
  for (let before = ""; before !== text; ) {
    before = text;
    text = text.replace(end, "");
  }
  return text;
}
