/**
 * One terminal session as the browser sees it: a state machine over sockets that come and go.
 *
 *     connecting -> ready -> reconnecting -> ready -> ... -> ended
 *
 * A socket that breaks without a verdict from the server is opened again with the number of bytes received so far,
 * for as long as the server keeps the session for its person. Bytes are counted when they arrive and again when the
 * terminal has shown them: the difference is held small by pausing the socket.
 */
import { CloseCode, isLostConnection } from "./closeCodes";
import type { OpenSocket, TerminalSocket } from "./socket";
import {
  binaryFrame,
  clampSize,
  type Exit,
  inputFrames,
  parseServerMessage,
  pingFrame,
  resizeFrame,
  type ServerMessage,
  type TerminalSize,
  terminalPath,
} from "./wire";

export interface Ending {
  code: number;
  reason: string;
  exit: Exit | null;
  /** Milliseconds since the epoch. */
  at: number;
}

export type ConnectionState =
  | { phase: "connecting"; since: number }
  | { phase: "ready" }
  /** `retryAt` is null while an attempt is under way; all times are milliseconds since the epoch. */
  | { phase: "reconnecting"; retryAt: number | null; giveUpAt: number }
  | { phase: "ended"; ending: Ending };

export interface ConnectionEvents {
  state(state: ConnectionState): void;
  /** `shown` must be called when the terminal has taken the bytes in. */
  output(bytes: Uint8Array, shown: () => void): void;
  notice(text: string): void;
  /** Milliseconds from a ping to its pong. */
  latency(milliseconds: number): void;
}

export interface Resume {
  session: string;
  /** Bytes of output that this browser has already shown. */
  after: number;
}

/** All in milliseconds. */
export interface Timing {
  /** How long the server keeps a session for a person who is gone. */
  grace: number;
  firstRetry: number;
  longestRetry: number;
  resize: number;
  ping: number;
  pong: number;
}

export const TIMING: Timing = {
  grace: 60_000,
  firstRetry: 500,
  longestRetry: 5_000,
  resize: 50,
  ping: 5_000,
  pong: 15_000,
};

const PAUSE_ABOVE = 512 * 1024;
const RESUME_BELOW = 128 * 1024;
// Timers of a hidden page run once a second: more may wait there, so that a build in the background is not slowed.
const PAUSE_ABOVE_HIDDEN = 32 * 1024 * 1024;
// A socket that cannot be paused is given up above this, and taken up again when the terminal has caught up.
const DROP_ABOVE = 64 * 1024 * 1024;
const TYPE_AHEAD = 64 * 1024;

interface Options {
  /** Origin of the sockets, such as wss://bastion.example. */
  origin: string;
  host: string;
  size: TerminalSize;
  openSocket: OpenSocket;
  events: ConnectionEvents;
  resume?: Resume;
  timing?: Partial<Timing>;
}

export class TerminalConnection {
  state: ConnectionState = { phase: "connecting", since: Date.now() };
  session: string | null;
  received: number;
  /** Bytes of output that the terminal has taken in: what a picture of the screen stands for. */
  shown: number;

  private readonly timing: Timing;
  private socket: TerminalSocket | null = null;
  private size: TerminalSize;
  private sentSize: TerminalSize | null = null;
  private typeAhead = "";
  private exit: Exit | null = null;
  private attempts = 0;
  private giveUpAt = 0;
  private pingSentAt = 0;
  private retryTimer: Timer | null = null;
  private resizeTimer: Timer | null = null;
  private pingTimer: Timer | null = null;
  private pongTimer: Timer | null = null;

  constructor(private readonly options: Options) {
    this.timing = { ...TIMING, ...options.timing };
    this.size = clampSize(options.size);
    this.session = options.resume?.session ?? null;
    this.received = options.resume?.after ?? 0;
    this.shown = this.received;
  }

  get isRunning(): boolean {
    return this.state.phase !== "ended";
  }

  start(): void {
    this.giveUpAt = Date.now() + this.timing.grace;
    this.open();
  }

  send(text: string): void {
    if (this.state.phase === "connecting") {
      this.typeAhead = (this.typeAhead + text).slice(0, TYPE_AHEAD);
      return;
    }
    if (this.state.phase !== "ready") return;
    for (const frame of inputFrames(text)) this.socket?.send(frame);
  }

  sendBinary(bytes: string): void {
    if (this.state.phase === "ready") this.socket?.send(binaryFrame(bytes));
  }

  /** Tells the server, at most once in `timing.resize`; the last size always arrives. */
  resize(size: TerminalSize): void {
    this.size = clampSize(size);
    if (this.resizeTimer !== null) return;
    this.sendSize();
    this.resizeTimer = setTimeout(() => {
      this.resizeTimer = null;
      this.sendSize();
    }, this.timing.resize);
  }

  retryNow(): void {
    if (this.state.phase === "reconnecting" && this.retryTimer !== null) this.open();
  }

  /** Attaches again to a session that was taken over elsewhere, or that waits for its person to sign in. */
  resume(): void {
    if (this.state.phase !== "ended" || this.session === null) return;
    this.attempts = 0;
    this.giveUpAt = Date.now() + this.timing.grace;
    this.open();
  }

  /** Leaves for good: the server is told that nobody comes back. */
  close(): void {
    this.finish({ code: CloseCode.done, reason: "", exit: this.exit, at: Date.now() });
  }

  private open(): void {
    this.clearTimers();
    if (this.session === null) this.enter({ phase: "connecting", since: Date.now() });
    else this.enter({ phase: "reconnecting", retryAt: null, giveUpAt: this.giveUpAt });
    const resume = this.session === null ? undefined : { session: this.session, after: this.received };
    const url = this.options.origin + terminalPath(this.options.host, this.size, resume);
    this.sentSize = this.size;
    const socket = this.options.openSocket(url, {
      opened: () => {},
      text: (frame) => this.isCurrent(socket) && this.take(parseServerMessage(frame)),
      bytes: (frame) => this.isCurrent(socket) && this.takeOutput(frame),
      closed: (code, reason) => this.isCurrent(socket) && this.lose(code, reason),
    });
    this.socket = socket;
  }

  private isCurrent(socket: TerminalSocket): boolean {
    return this.socket === socket;
  }

  private take(message: ServerMessage | null): void {
    switch (message?.type) {
      case "ready":
        this.session = message.session;
        this.moveTo(message.offset);
        this.attempts = 0;
        this.sentSize = { cols: message.cols, rows: message.rows };
        this.enter({ phase: "ready" });
        this.sendSize();
        this.send(this.typeAhead);
        this.typeAhead = "";
        this.ping();
        return;
      case "exit":
        this.exit = message;
        return;
      case "notice":
        this.options.events.notice(message.text);
        return;
      case "pong":
        this.takePong();
    }
  }

  private takeOutput(bytes: Uint8Array): void {
    this.received += bytes.length;
    const position = this.received;
    this.options.events.output(bytes, () => this.markShown(position));
    const backlog = this.received - this.shown;
    if (this.socket?.pausable) {
      const isHidden = typeof document !== "undefined" && document.hidden;
      if (backlog > (isHidden ? PAUSE_ABOVE_HIDDEN : PAUSE_ABOVE)) this.socket.pause();
    } else if (backlog > DROP_ABOVE) this.lose(CloseCode.lost, "");
  }

  /** The output goes on at `offset`, whether or not that is what was asked for. */
  private moveTo(offset: number): void {
    this.shown += offset - this.received;
    this.received = offset;
  }

  private markShown(position: number): void {
    this.shown = position;
    if (this.received - this.shown < RESUME_BELOW) this.socket?.resume();
  }

  private lose(code: number, reason: string): void {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    if (this.state.phase === "ready") this.giveUpAt = Date.now() + this.timing.grace;
    const canResume = this.session !== null && this.exit === null && isLostConnection(code);
    if (!canResume || Date.now() >= this.giveUpAt) {
      this.finish({ code, reason, exit: this.exit, at: Date.now() });
      return;
    }
    this.clearTimers();
    const delay = this.nextDelay();
    this.retryTimer = setTimeout(() => this.retry(), delay);
    this.enter({ phase: "reconnecting", retryAt: Date.now() + delay, giveUpAt: this.giveUpAt });
  }

  private retry(): void {
    if (this.received - this.shown > DROP_ABOVE / 2) this.retryTimer = setTimeout(() => this.retry(), 250);
    else this.open();
  }

  /** Doubling, with the upper half at random: browsers that lost the same server do not come back as one. */
  private nextDelay(): number {
    const most = Math.min(this.timing.firstRetry * 2 ** this.attempts, this.timing.longestRetry);
    this.attempts += 1;
    return Math.min(most * (0.5 + Math.random() / 2), Math.max(0, this.giveUpAt - Date.now()));
  }

  private finish(ending: Ending): void {
    this.clearTimers();
    const socket = this.socket;
    this.socket = null;
    socket?.close(CloseCode.leaving);
    if (this.isRunning) this.enter({ phase: "ended", ending });
  }

  private sendSize(): void {
    if (this.state.phase !== "ready") return;
    if (this.size.cols === this.sentSize?.cols && this.size.rows === this.sentSize.rows) return;
    this.socket?.send(resizeFrame(this.size));
    this.sentSize = this.size;
  }

  private ping(): void {
    this.pingSentAt = performance.now();
    this.socket?.send(pingFrame());
    this.pongTimer = setTimeout(() => this.missPong(), this.timing.pong);
  }

  private takePong(): void {
    clearTimer(this.pongTimer);
    this.options.events.latency(performance.now() - this.pingSentAt);
    this.pingTimer = setTimeout(() => this.ping(), this.timing.ping);
  }

  private missPong(): void {
    // While the terminal catches up, the pong waits behind the output: the socket is alive.
    if (this.received - this.shown >= RESUME_BELOW)
      this.pongTimer = setTimeout(() => this.missPong(), this.timing.pong);
    else this.lose(CloseCode.lost, "");
  }

  private enter(state: ConnectionState): void {
    this.state = state;
    this.options.events.state(state);
  }

  private clearTimers(): void {
    for (const timer of [this.retryTimer, this.resizeTimer, this.pingTimer, this.pongTimer]) clearTimer(timer);
    this.retryTimer = this.resizeTimer = this.pingTimer = this.pongTimer = null;
  }
}

type Timer = ReturnType<typeof setTimeout>;

function clearTimer(timer: Timer | null): void {
  if (timer !== null) clearTimeout(timer);
}
