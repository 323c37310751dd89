/**
 * Frames of the terminal socket, translated to and from typed messages. Pure: no socket, no terminal.
 * Binary frames are raw bytes in both directions; text frames are JSON objects with a `type`.
 */

/** The most bytes that the server takes in one frame. */
export const MAX_FRAME_BYTES = 64 * 1024;
export const MAX_COLS = 1000;
export const MAX_ROWS = 500;

export interface TerminalSize {
  cols: number;
  rows: number;
}

export interface Ready extends TerminalSize {
  type: "ready";
  session: string;
  /** Position in the output, in bytes since the session began, of the first byte that follows. */
  offset: number;
}

/** How the shell ended; both are null when the host did not say. */
export interface Exit {
  type: "exit";
  status: number | null;
  signal: string | null;
}

export type ServerMessage = Ready | Exit | { type: "notice"; text: string } | { type: "pong" };

const encoder = new TextEncoder();

/** The message in a text frame from the server, or null for one that this version does not know. */
export function parseServerMessage(frame: string): ServerMessage | null {
  const fields = parseObject(frame);
  if (fields === null) return null;
  switch (fields.type) {
    case "ready":
      return parseReady(fields);
    case "exit":
      return parseExit(fields);
    case "notice":
      return typeof fields.text === "string" ? { type: "notice", text: fields.text } : null;
    case "pong":
      return { type: "pong" };
    default:
      return null;
  }
}

export function resizeFrame(size: TerminalSize): string {
  return JSON.stringify({ type: "resize", ...clampSize(size) });
}

export function pingFrame(): string {
  return JSON.stringify({ type: "ping" });
}

/** The size that the server accepts which is nearest to what fits on the screen. */
export function clampSize({ cols, rows }: TerminalSize): TerminalSize {
  return { cols: clamp(cols, MAX_COLS), rows: clamp(rows, MAX_ROWS) };
}

/** Keystrokes as UTF-8 frames of at most 64 KiB each, cut between characters. */
export function* inputFrames(text: string): Generator<Uint8Array<ArrayBuffer>> {
  let rest = encoder.encode(text);
  while (rest.length > MAX_FRAME_BYTES) {
    const end = lastCharacterBoundary(rest, MAX_FRAME_BYTES);
    yield rest.slice(0, end);
    rest = rest.slice(end);
  }
  if (rest.length > 0) yield rest;
}

/** What xterm reports as a string of bytes (old mouse reports are not UTF-8), as one frame. */
export function binaryFrame(bytes: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes, (character) => character.charCodeAt(0) & 0xff);
}

/** Path and query of the socket: a fresh session, or the continuation of one. */
export function terminalPath(host: string, size: TerminalSize, resume?: { session: string; after: number }): string {
  const { cols, rows } = clampSize(size);
  const query = new URLSearchParams({ cols: String(cols), rows: String(rows) });
  if (resume) {
    query.set("session", resume.session);
    query.set("after", String(resume.after));
  }
  return `/ws/hosts/${encodeURIComponent(host)}/terminal/?${query}`;
}

function parseObject(frame: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(frame);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function parseReady({ session, offset, cols, rows }: Record<string, unknown>): Ready | null {
  if (typeof session !== "string" || !isCount(offset) || !isCount(cols) || !isCount(rows)) return null;
  return { type: "ready", session, offset, cols, rows };
}

function parseExit({ status, signal }: Record<string, unknown>): Exit {
  return {
    type: "exit",
    status: typeof status === "number" ? status : null,
    signal: typeof signal === "string" ? signal : null,
  };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function clamp(value: number, most: number): number {
  return Math.max(1, Math.min(most, Math.floor(value) || 1));
}

function lastCharacterBoundary(bytes: Uint8Array, limit: number): number {
  let end = limit;
  // Continuation bytes are 10xxxxxx: step back to the byte that begins a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return end > 0 ? end : limit;
}
