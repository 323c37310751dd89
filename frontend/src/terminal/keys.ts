/** What the page itself does with a key pressed in a terminal; every other key belongs to the host. */
export type TerminalCommand =
  | "copy"
  | "paste"
  | "find"
  | "palette"
  | "previous-tab"
  | "next-tab"
  | "larger"
  | "smaller"
  | "default-size"
  | "leave";

export type KeyPress = Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "shiftKey" | "altKey" | "metaKey">;

const byCode: Readonly<Record<string, TerminalCommand>> = {
  KeyC: "copy",
  KeyV: "paste",
  KeyF: "find",
  KeyK: "palette",
  ArrowLeft: "previous-tab",
  ArrowRight: "next-tab",
  Equal: "larger",
  NumpadAdd: "larger",
  Minus: "smaller",
  NumpadSubtract: "smaller",
  Digit0: "default-size",
  Numpad0: "default-size",
};

/** By physical key: with Shift held, `key` is another character on every layout. */
export function commandOf(press: KeyPress, isMac: boolean): TerminalCommand | null {
  if (press.ctrlKey && press.key === "F6") return "leave";
  if (isMac && press.metaKey && !press.ctrlKey && !press.altKey && !press.shiftKey) {
    return press.code === "KeyC" ? "copy" : press.code === "KeyV" ? "paste" : null;
  }
  const modifier = isMac ? press.metaKey && !press.ctrlKey : press.ctrlKey && !press.metaKey;
  if (!modifier || !press.shiftKey || press.altKey) return null;
  return byCode[press.code] ?? null;
}
