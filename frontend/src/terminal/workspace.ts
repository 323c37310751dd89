/** All terminals of this page. They outlive every React component: a route change or a closed panel ends none. */
import { api } from "@/api/client";
import type { Host } from "@/api/types";
import { getPreferences } from "@/preferences";
import { type ConnectionState, type Resume, TerminalConnection } from "./connection";
import { Emulator } from "./emulator";
import { type KeptTerminal, keepTerminals, takeKeptTerminals } from "./kept";
import type { TerminalCommand } from "./keys";
import { takeNotice } from "./notices";
import { openSocket } from "./socket";
import { addTab, changeTab, findTab, getTerminals, isRunning, removeTab, selectTab, type TerminalTab } from "./store";
import type { TerminalScheme } from "./theme";
import type { TerminalSize } from "./wire";

/** What only a page with dialogs can do for a terminal. */
export interface WorkspaceHost {
  pasted(id: string, text: string): void;
  linked(url: string): void;
  command(id: string, command: TerminalCommand): void;
  matches(id: string, current: number, total: number): void;
}

interface Terminal {
  emulator: Emulator;
  connection: TerminalConnection;
  hasStarted: boolean;
}

const DEFAULT_SIZE: TerminalSize = { cols: 80, rows: 24 };
const terminals = new Map<string, Terminal>();
let page: WorkspaceHost | null = null;
let scheme: TerminalScheme = "dark";
let lastSize = DEFAULT_SIZE;
let owner: number | null = null;

export function attachPage(host: WorkspaceHost): () => void {
  page = host;
  return () => {
    if (page === host) page = null;
  };
}

export function emulatorOf(id: string): Emulator | undefined {
  return terminals.get(id)?.emulator;
}

/** A terminal on a host, in a tab of its own. It connects once it is shown, when its size is known. */
export function openTerminal(hostId: string, about?: Partial<TerminalTab>): void {
  begin(crypto.randomUUID(), hostId, about ?? {});
}

export function startTerminal(id: string): void {
  const terminal = terminals.get(id);
  if (!terminal || terminal.hasStarted) return;
  terminal.hasStarted = true;
  terminal.connection.start();
}

/** Brings back the terminals that this browser tab had before it was reloaded, if they are this person's. */
export function claimWorkspace(person: number): void {
  if (owner === person) return;
  if (owner !== null) closeAll();
  owner = person;
  for (const kept of takeKeptTerminals(person)) restore(kept);
}

export function closeTerminal(id: string): void {
  const terminal = terminals.get(id);
  terminals.delete(id);
  terminal?.connection.close();
  terminal?.emulator.dispose();
  removeTab(id);
}

export function closeAll(): void {
  for (const id of [...terminals.keys()]) closeTerminal(id);
}

export function retryNow(id: string): void {
  terminals.get(id)?.connection.retryNow();
}

/** The same session again, after it was taken over elsewhere or its person has signed in again. */
export function takeBack(id: string): void {
  terminals.get(id)?.connection.resume();
}

export function closeNotice(id: string): void {
  changeTab(id, { notice: "" });
}

/** Another session on the same host, in the same tab. The old screen stays above it. */
export function connectAgain(id: string): void {
  const terminal = terminals.get(id);
  const tab = findTab(id);
  if (!terminal || !tab || isRunning(tab)) return;
  terminal.emulator.startOver();
  changeTab(id, { session: null, startedAt: null, notice: "", isStalled: false });
  terminal.connection = connect(id, tab.hostId, terminal.emulator);
  terminal.connection.start();
}

/** Looks and sizes of all terminals follow the preferences and the page's colour scheme. */
export function configureTerminals(next: TerminalScheme): void {
  scheme = next;
  for (const { emulator } of terminals.values()) emulator.configure(getPreferences().terminal, scheme);
}

function begin(id: string, hostId: string, about: Partial<TerminalTab>, resume?: Resume): void {
  const emulator = new Emulator(lastSize, {
    input: (text) => type(id, text),
    binary: (bytes) => terminals.get(id)?.connection.sendBinary(bytes),
    resized: (size) => noteSize(id, size),
    titled: () => {},
    bell: () => noteBell(id),
    pasted: (text) => page?.pasted(id, text),
    linked: (url) => page?.linked(url),
    command: (command) => page?.command(id, command),
    matches: (current, total) => page?.matches(id, current, total),
  });
  emulator.configure(getPreferences().terminal, scheme);
  const connection = connect(id, hostId, emulator, resume);
  terminals.set(id, { emulator, connection, hasStarted: false });
  addTab({
    id,
    hostId,
    hostName: "",
    account: "",
    inputPolicy: "",
    startedAt: null,
    latency: null,
    notice: "",
    isStalled: false,
    hasBell: false,
    hasActivity: false,
    ...about,
    state: connection.state,
    session: connection.session,
    size: emulator.size,
  });
  if (!about.hostName) void describe(id, hostId);
}

function connect(id: string, hostId: string, emulator: Emulator, resume?: Resume): TerminalConnection {
  const connection = new TerminalConnection({
    origin: window.location.origin.replace(/^http/, "ws"),
    host: hostId,
    size: emulator.size,
    openSocket,
    events: {
      state: (state) => noteState(id, connection, state),
      output: (bytes, shown) => {
        emulator.write(bytes, shown);
        noteActivity(id);
      },
      notice: (notice) => changeTab(id, takeNotice(notice)),
      latency: (latency) => changeTab(id, { latency }),
    },
    ...(resume && { resume }),
  });
  return connection;
}

function type(id: string, text: string): void {
  const { connection } = terminals.get(id) ?? {};
  connection?.send(text);
}

function noteState(id: string, connection: TerminalConnection, state: ConnectionState): void {
  const tab = findTab(id);
  if (!tab) return;
  const { emulator } = terminals.get(id) ?? {};
  emulator?.freeze(state.phase === "ended");
  const startedAt = tab.startedAt ?? (state.phase === "ready" ? Date.now() : null);
  changeTab(id, { state, startedAt, session: connection.session, ...(state.phase !== "ready" && { latency: null }) });
}

function noteSize(id: string, size: TerminalSize): void {
  lastSize = size;
  terminals.get(id)?.connection.resize(size);
  changeTab(id, { size });
}

function noteBell(id: string): void {
  if (getTerminals().active !== id) changeTab(id, { hasBell: true });
}

function noteActivity(id: string): void {
  const { active } = getTerminals();
  if (active !== id && !findTab(id)?.hasActivity) changeTab(id, { hasActivity: true });
}

async function describe(id: string, hostId: string): Promise<void> {
  // Without it the tab keeps the id; what went wrong is said by the socket.
  const host = await api.get<Host>(`hosts/${encodeURIComponent(hostId)}/`).catch(() => null);
  if (host) changeTab(id, { hostName: host.name, account: host.account, inputPolicy: host.input_policy });
}

function restore({ tab, screen, size, after, isActive }: KeptTerminal): void {
  const previous = getTerminals().active;
  lastSize = size;
  begin(tab.id, tab.hostId, tab, { session: tab.session, after });
  terminals.get(tab.id)?.emulator.write(screen);
  startTerminal(tab.id);
  if (!isActive && previous) selectTab(previous);
}

function keepRunning(): void {
  if (owner === null) return;
  const { tabs, active } = getTerminals();
  const kept: KeptTerminal[] = [];
  for (const tab of tabs) {
    const terminal = terminals.get(tab.id);
    if (!terminal || !isRunning(tab) || tab.session === null) continue;
    const { id, hostId, hostName, account, inputPolicy, session, startedAt, size } = tab;
    kept.push({
      tab: { id, hostId, hostName, account, inputPolicy, session, startedAt },
      screen: terminal.emulator.serialize(),
      size,
      after: terminal.connection.shown,
      isActive: id === active,
    });
  }
  keepTerminals(owner, kept);
}

function warnBeforeLeaving(event: BeforeUnloadEvent): void {
  if (getTerminals().tabs.some(isRunning)) event.preventDefault();
}

window.addEventListener("pagehide", keepRunning);
window.addEventListener("beforeunload", warnBeforeLeaving);
