/**
 * The socket under a terminal. Where the browser has WebSocketStream, pausing really stops the reading, so that a
 * flood slows the host and not the page; a plain WebSocket cannot be paused and says so.
 */
import { CloseCode } from "./closeCodes";

export interface SocketEvents {
  opened(): void;
  text(frame: string): void;
  bytes(frame: Uint8Array): void;
  /** Once, after the last frame; also when the socket never opened. 1006 when no close frame came. */
  closed(code: number, reason: string): void;
}

export interface TerminalSocket {
  readonly pausable: boolean;
  send(frame: string | Uint8Array<ArrayBuffer>): void;
  pause(): void;
  resume(): void;
  close(code?: number, reason?: string): void;
}

export type OpenSocket = (url: string, events: SocketEvents) => TerminalSocket;

interface StreamConnection {
  readable: ReadableStream<string | ArrayBuffer | Uint8Array>;
  writable: WritableStream<string | Uint8Array<ArrayBuffer>>;
}

/** https://websockets.spec.whatwg.org/#the-websocketstream-interface, which TypeScript's DOM library lacks. */
interface WebSocketStreamLike {
  opened: Promise<StreamConnection>;
  closed: Promise<{ closeCode?: number; reason?: string }>;
  close(info?: { closeCode?: number; reason?: string }): void;
}

type WebSocketStreamClass = new (url: string) => WebSocketStreamLike;

export function openSocket(url: string, events: SocketEvents): TerminalSocket {
  const Stream = (globalThis as { WebSocketStream?: WebSocketStreamClass }).WebSocketStream;
  return Stream ? new StreamSocket(new Stream(url), events) : new PlainSocket(new WebSocket(url), events);
}

export class PlainSocket implements TerminalSocket {
  readonly pausable = false;

  constructor(
    private readonly socket: WebSocket,
    events: SocketEvents,
  ) {
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => events.opened());
    socket.addEventListener("close", (event) => events.closed(event.code, event.reason));
    socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data === "string") events.text(data);
      else events.bytes(new Uint8Array(data));
    });
  }

  send(frame: string | Uint8Array<ArrayBuffer>): void {
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(frame);
  }

  pause(): void {}

  resume(): void {}

  close(code: number = CloseCode.done, reason = ""): void {
    this.socket.close(code, reason);
  }
}

class StreamSocket implements TerminalSocket {
  readonly pausable = true;
  private writer: WritableStreamDefaultWriter<string | Uint8Array<ArrayBuffer>> | null = null;
  private paused: { promise: Promise<void>; resolve: () => void } | null = null;

  constructor(
    private readonly stream: WebSocketStreamLike,
    private readonly events: SocketEvents,
  ) {
    void this.run();
  }

  send(frame: string | Uint8Array<ArrayBuffer>): void {
    // A write fails only when the socket is closing, which `run` reports.
    this.writer?.write(frame).catch(() => {});
  }

  pause(): void {
    if (this.paused) return;
    let resolve = (): void => {};
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    this.paused = { promise, resolve };
  }

  resume(): void {
    this.paused?.resolve();
    this.paused = null;
  }

  close(code: number = CloseCode.done, reason = ""): void {
    this.resume();
    this.stream.close({ closeCode: code, reason });
  }

  private async run(): Promise<void> {
    const closed = this.stream.closed.catch((error: { closeCode?: number; reason?: string }) => error);
    try {
      const { readable, writable } = await this.stream.opened;
      this.writer = writable.getWriter();
      this.events.opened();
      await this.readAll(readable.getReader());
    } catch {
      // Refused or cut off: `closed` knows the code.
    }
    const { closeCode, reason } = await closed;
    this.writer = null;
    this.events.closed(closeCode || CloseCode.lost, reason ?? "");
  }

  private async readAll(reader: ReadableStreamDefaultReader<string | ArrayBuffer | Uint8Array>): Promise<void> {
    for (;;) {
      if (this.paused) await this.paused.promise;
      const { value, done } = await reader.read();
      if (done) return;
      if (typeof value === "string") this.events.text(value);
      else this.events.bytes(new Uint8Array(value));
    }
  }
}
