import { useEffect, useRef, useSyncExternalStore } from "react";

/** Keys of the page that is shown, for the list that `?` opens. */
interface PageKey {
  keys: string;
  label: string;
}

let shown: readonly PageKey[] = [];
const listeners = new Set<() => void>();

function change(next: readonly PageKey[]): void {
  shown = next;
  for (const listener of listeners) {
    listener();
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function usePageKeys(): readonly PageKey[] {
  return useSyncExternalStore(subscribe, () => shown);
}

const typing =
  "input, textarea, select, [contenteditable=true], [role=slider], [role=combobox], [role=textbox], .xterm";
const pressing = "button, a, summary, [role=button], [role=menuitem], [role=tab], [role=option]";

/** Whether a key pressed there belongs to a control and not to the page. */
export function belongsToControl(event: KeyboardEvent): boolean {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) {
    return true;
  }
  const target = event.target;
  if (!(target instanceof Element)) {
    return false;
  }
  const presses = event.key === "Enter" || event.key === " ";
  return target.closest(typing) !== null || (presses && target.closest(pressing) !== null);
}

/** Whether a dialog, drawer or menu is open: the page's keys rest then. */
function isCovered(): boolean {
  return document.querySelector("[role=dialog]:not([hidden]), [role=menu], [data-page-keys=off]") !== null;
}

/**
 * Run `action` when the person presses `keys` on the page: one key (`/`, `n`) or a sequence (`g h`).
 *
 * Inputs, sliders and terminals keep their keys, buttons and links keep Enter and Space.
 */
export function usePageKey(keys: string, label: string, action: (event: KeyboardEvent) => void): void {
  const latest = useRef(action);
  latest.current = action;
  useEffect(() => {
    const sequence = keys.split(" ");
    let at = 0;
    let pressedAt = 0;
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || belongsToControl(event) || isCovered()) {
        return;
      }
      const late = event.timeStamp - pressedAt > 1000;
      at = event.key === sequence[late ? 0 : at] ? (late ? 0 : at) + 1 : Number(event.key === sequence[0]);
      pressedAt = event.timeStamp;
      if (at === sequence.length) {
        at = 0;
        event.preventDefault();
        latest.current(event);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [keys]);
  useEffect(() => {
    const entry = { keys, label };
    change([...shown, entry]);
    return () => change(shown.filter((other) => other !== entry));
  }, [keys, label]);
}
