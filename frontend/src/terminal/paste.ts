/** What a paste would do, asked before it is done: a pasted line runs when it ends. */
export interface Paste {
  text: string;
  lines: number;
}

// Everything below U+0020 but tab, line feed and carriage return, and DEL. An escape could end bracketed paste early.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;

export function readPaste(clipboard: string): Paste {
  const text = clipboard.replace(controls, "");
  return { text, lines: text.replace(/(\r\n|\r|\n)$/, "").split(/\r\n|\r|\n/).length };
}

export function endsWithNewline(text: string): boolean {
  return /[\r\n]$/.test(text);
}

export function withoutLastNewline(text: string): string {
  return text.replace(/(\r\n|\r|\n)$/, "");
}
