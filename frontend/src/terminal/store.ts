import { useSyncExternalStore } from "react";
import type { ConnectionState } from "./connection";
import type { TerminalSize } from "./wire";

/** What the page shows of one terminal. The terminal itself, with its screen and its socket, is in workspace.ts. */
export interface TerminalTab {
  readonly id: string;
  readonly hostId: string;
  /** Empty until the host has been fetched. */
  readonly hostName: string;
  readonly account: string;
  readonly inputPolicy: "off" | "masked" | "full" | "";
  readonly state: ConnectionState;
  readonly session: string | null;
  /** Milliseconds since the epoch; of the session, null before it began. */
  readonly startedAt: number | null;
  readonly size: TerminalSize;
  readonly latency: number | null;
  readonly notice: string;
  /** Whether the terminal waits for the disk that it is recorded on. */
  readonly isStalled: boolean;
  readonly hasBell: boolean;
  readonly hasActivity: boolean;
}

export interface Terminals {
  readonly tabs: readonly TerminalTab[];
  readonly active: string | null;
}

let current: Terminals = { tabs: [], active: null };
const listeners = new Set<() => void>();

function publish(next: Terminals): void {
  current = next;
  for (const listener of listeners) listener();
}

export function subscribeToTerminals(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function getTerminals(): Terminals {
  return current;
}

export function useTerminals(): Terminals {
  return useSyncExternalStore(subscribeToTerminals, getTerminals);
}

export function findTab(id: string | null): TerminalTab | undefined {
  return current.tabs.find((tab) => tab.id === id);
}

export function addTab(tab: TerminalTab): void {
  publish({ tabs: [...current.tabs, tab], active: tab.id });
}

export function changeTab(id: string, change: Partial<TerminalTab>): void {
  publish({ ...current, tabs: current.tabs.map((tab) => (tab.id === id ? { ...tab, ...change } : tab)) });
}

/** Removes a tab; the one that takes its place becomes the active one. */
export function removeTab(id: string): void {
  const at = current.tabs.findIndex((tab) => tab.id === id);
  const tabs = current.tabs.filter((tab) => tab.id !== id);
  const active = current.active === id ? (tabs[Math.min(at, tabs.length - 1)]?.id ?? null) : current.active;
  publish({ tabs, active });
}

export function selectTab(id: string): void {
  if (!findTab(id)) return;
  const tabs = current.tabs.map((tab) => (tab.id === id ? { ...tab, hasBell: false, hasActivity: false } : tab));
  publish({ tabs, active: id });
}

/** The tab `step` places further, around the end. */
export function neighbourOf(id: string, step: number): string | null {
  const at = current.tabs.findIndex((tab) => tab.id === id);
  if (at < 0) return null;
  return current.tabs[(at + step + current.tabs.length) % current.tabs.length]?.id ?? null;
}

export function isRunning(tab: TerminalTab): boolean {
  return tab.state.phase !== "ended";
}

/** `web-01`, and `web-01 (2)` for the second tab on the same host. */
export function titleOf(tab: TerminalTab, tabs: readonly TerminalTab[]): string {
  const name = tab.hostName || tab.hostId.slice(0, 8);
  const same = tabs.filter((other) => other.hostId === tab.hostId);
  const place = same.indexOf(tab) + 1;
  return place > 1 ? `${name} (${place})` : name;
}

/** Keeps the end of a long name, where names differ: `web…tion-01`. */
export function shortenMiddle(name: string, most = 22): string {
  const characters = Array.from(name);
  if (characters.length <= most) return name;
  const tail = Math.ceil((most - 1) * 0.7);
  return `${characters.slice(0, most - 1 - tail).join("")}…${characters.slice(-tail).join("")}`;
}
