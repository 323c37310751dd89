import { useSyncExternalStore } from "react";

export type Language = "en" | "zh-Hans";
export type Zone = "local" | "utc";
export type Density = "compact" | "normal" | "roomy";
export type TerminalTheme = "auto" | "dark" | "light" | "contrast";

export interface TerminalPreferences {
  theme: TerminalTheme;
  fontSize: number;
  fontFamily: string;
  copyOnSelect: boolean;
  pasteGuard: boolean;
  altIsMeta: boolean;
  bell: boolean;
  screenReader: boolean;
}

/** What a person chose for this browser. Kept in local storage; private, so nothing here reaches the server. */
export interface Preferences {
  language: Language;
  zone: Zone;
  density: Density;
  terminal: TerminalPreferences;
}

const storageKey = "bastion-preferences";
const listeners = new Set<() => void>();
let current = read();

function defaults(): Preferences {
  return {
    language: navigator.languages.find((tag) => /^(en|zh)\b/i.test(tag))?.startsWith("zh") ? "zh-Hans" : "en",
    zone: "local",
    density: "normal",
    terminal: {
      theme: "dark",
      fontSize: 14,
      fontFamily: "",
      copyOnSelect: false,
      pasteGuard: true,
      altIsMeta: true,
      bell: false,
      screenReader: false,
    },
  };
}

function read(): Preferences {
  const base = defaults();
  try {
    const kept = JSON.parse(localStorage.getItem(storageKey) ?? "{}") as Partial<Preferences>;
    return { ...base, ...kept, terminal: { ...base.terminal, ...kept.terminal } };
  } catch {
    return base;
  }
}

function publish(next: Preferences): void {
  current = next;
  for (const listener of listeners) {
    listener();
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// Another tab of the same browser may have changed them.
window.addEventListener("storage", (event) => {
  if (event.key === storageKey) {
    publish(read());
  }
});

export function getPreferences(): Preferences {
  return current;
}

export function setPreferences(change: Partial<Preferences>): void {
  const next = { ...current, ...change };
  localStorage.setItem(storageKey, JSON.stringify(next));
  publish(next);
}

export function setTerminalPreferences(change: Partial<TerminalPreferences>): void {
  setPreferences({ terminal: { ...current.terminal, ...change } });
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, getPreferences);
}

export { subscribe as subscribeToPreferences };
