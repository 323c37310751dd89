import type { TerminalTab } from "./store";
import type { TerminalSize } from "./wire";

/** A running terminal as a reload of the page finds it again: its screen as text, and how much output that stands for. */
export interface KeptTerminal {
  tab: Pick<TerminalTab, "id" | "hostId" | "hostName" | "account" | "inputPolicy" | "startedAt"> & { session: string };
  screen: string;
  size: TerminalSize;
  after: number;
  isActive: boolean;
}

const storageKey = "bastion-terminals";

export function keepTerminals(person: number, kept: readonly KeptTerminal[]): void {
  sessionStorage.removeItem(storageKey);
  if (kept.length === 0) return;
  try {
    sessionStorage.setItem(storageKey, JSON.stringify({ person, kept }));
  } catch {
    // Storage is full: the sessions are found again, what was on their screens is in the recordings.
    const bare = kept.map((terminal) => ({ ...terminal, screen: "" }));
    sessionStorage.setItem(storageKey, JSON.stringify({ person, kept: bare }));
  }
}

/** Once: what is kept is gone after this, whoever asks. Screens are shown to nobody but the person they belong to. */
export function takeKeptTerminals(person: number): KeptTerminal[] {
  const text = sessionStorage.getItem(storageKey);
  sessionStorage.removeItem(storageKey);
  if (text === null) return [];
  const stored = JSON.parse(text) as { person: number; kept: KeptTerminal[] };
  return stored.person === person ? stored.kept : [];
}
