import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { type ConnectionState, type Resume, TerminalConnection, type Timing } from "./connection";
import { PlainSocket } from "./socket";

/** A server of the terminal protocol that does what each test tells it, on a real port. */
class Server {
  readonly sockets: WebSocket[] = [];
  readonly urls: string[] = [];
  readonly frames: (string | Buffer)[] = [];
  greet: (socket: WebSocket, url: URL) => void = (socket, url) =>
    this.ready(socket, Number(url.searchParams.get("after")));
  private readonly server = new WebSocketServer({ port: 0, host: "127.0.0.1" });

  constructor() {
    this.server.on("connection", (socket, request) => {
      this.sockets.push(socket);
      this.urls.push(request.url ?? "");
      socket.on("message", (data: Buffer, isBinary) => {
        this.frames.push(isBinary ? data : data.toString());
        if (data.toString() === '{"type":"ping"}') socket.send('{"type":"pong"}');
      });
      this.greet(socket, new URL(request.url ?? "", "http://x"));
    });
  }

  async listening(): Promise<this> {
    if (this.server.address() === null) await once(this.server, "listening");
    return this;
  }

  get origin(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get last(): WebSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("nobody has connected");
    return socket;
  }

  ready(socket: WebSocket, offset = 0): void {
    socket.send(JSON.stringify({ type: "ready", session: "s-1", offset, cols: 80, rows: 24 }));
  }

  resizes(): unknown[] {
    return this.frames
      .filter((frame) => typeof frame === "string" && frame.includes("resize"))
      .map((frame) => JSON.parse(String(frame)));
  }

  typed(): string {
    return this.frames.filter((frame) => typeof frame !== "string").join("");
  }

  async stop(): Promise<void> {
    for (const socket of this.server.clients) socket.terminate();
    await new Promise((done) => this.server.close(done));
  }
}

let server: Server;
let connection: TerminalConnection;
let states: ConnectionState[];
let output: string;
let notices: string[];
let latencies: number[];
let holdBack: (() => void)[] | null;

function connect(timing: Partial<Timing> = {}, resume?: Resume): void {
  connection = new TerminalConnection({
    origin: server.origin,
    host: "web-01",
    size: { cols: 80, rows: 24 },
    timing: { firstRetry: 10, longestRetry: 40, ...timing },
    openSocket: (url, events) => new PlainSocket(new WebSocket(url) as unknown as globalThis.WebSocket, events),
    events: {
      state: (state) => states.push(state),
      output: (bytes, shown) => {
        output += new TextDecoder().decode(bytes);
        if (holdBack) holdBack.push(shown);
        else shown();
      },
      notice: (text) => notices.push(text),
      latency: (milliseconds) => latencies.push(milliseconds),
    },
    ...(resume && { resume }),
  });
  connection.start();
}

function phases(): string[] {
  return states.map(({ phase }) => phase);
}

async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { interval: 5, timeout: 5_000 }).toBe(true);
}

async function untilPhase(phase: ConnectionState["phase"]): Promise<void> {
  await until(() => connection.state.phase === phase);
}

function ending() {
  if (connection.state.phase !== "ended")
    throw new Error(`expected an ended connection, got ${connection.state.phase}`);
  return connection.state.ending;
}

beforeEach(async () => {
  server = await new Server().listening();
  states = [];
  output = "";
  notices = [];
  latencies = [];
  holdBack = null;
});

afterEach(async () => {
  connection.close();
  await server.stop();
});

describe("a session from start to exit", () => {
  it("is ready once the server says so, shows output and sends keystrokes", async () => {
    connect();
    await untilPhase("ready");
    expect(connection.session).toBe("s-1");
    server.last.send(Buffer.from("hello 中"));
    connection.send("ls\r");
    await until(() => output === "hello 中" && server.typed() === "ls\r");
    expect(connection.received).toBe(9);
  });

  it("keeps what was typed while connecting", async () => {
    server.greet = () => {};
    connect();
    connection.send("ec");
    connection.send("ho\r");
    await until(() => server.sockets.length === 1);
    server.ready(server.last);
    await until(() => server.typed() === "echo\r");
  });

  it("ends with the exit status", async () => {
    connect();
    await untilPhase("ready");
    server.last.send('{"type":"exit","status":3}');
    server.last.close(1000);
    await untilPhase("ended");
    expect(ending()).toMatchObject({ code: 1000, exit: { status: 3, signal: null } });
  });

  it("ends with the code and the words of the server, without trying again", async () => {
    server.greet = (socket) => socket.close(4404, "no such host");
    connect();
    await untilPhase("ended");
    expect(ending()).toMatchObject({ code: 4404, reason: "no such host", exit: null });
    expect(server.sockets).toHaveLength(1);
  });

  it("hands notices and latency on", async () => {
    connect();
    await untilPhase("ready");
    server.last.send('{"type":"notice","text":"ends in 2 min"}');
    await until(() => notices.length === 1 && latencies.length === 1);
    expect(latencies[0]).toBeGreaterThan(0);
  });

  it("passes over what it does not know", async () => {
    connect();
    await untilPhase("ready");
    server.last.send("{broken");
    server.last.send('{"type":"later","x":1}');
    server.last.send(Buffer.from("still here"));
    await until(() => output === "still here");
    expect(connection.state.phase).toBe("ready");
  });
});

describe("a lost connection", () => {
  it("goes on where it was", async () => {
    connect();
    await untilPhase("ready");
    server.last.send(Buffer.from("12345"));
    await until(() => output === "12345");
    server.last.terminate();
    await until(() => server.sockets.length === 2);
    await untilPhase("ready");
    expect(server.urls[1]).toContain("session=s-1&after=5");
    server.last.send(Buffer.from("67"));
    await until(() => output === "1234567");
    expect(phases()).toEqual(["connecting", "ready", "reconnecting", "reconnecting", "ready"]);
  });

  it("tries again until the server gives the session up", async () => {
    connect({ grace: 200 });
    await untilPhase("ready");
    server.greet = (socket) => socket.terminate();
    server.last.terminate();
    await untilPhase("ended");
    expect(ending().code).toBe(1006);
    expect(server.sockets.length).toBeGreaterThan(2);
  });

  it("is tried at once when the person asks", async () => {
    connect({ firstRetry: 60_000, longestRetry: 60_000 });
    await untilPhase("ready");
    server.last.terminate();
    await untilPhase("reconnecting");
    connection.retryNow();
    await untilPhase("ready");
    expect(server.sockets).toHaveLength(2);
  });

  it("ends when the server cannot continue", async () => {
    connect();
    await untilPhase("ready");
    server.greet = (socket) => socket.close(4413);
    server.last.terminate();
    await untilPhase("ended");
    expect(ending().code).toBe(4413);
  });

  it("is not tried again after the exit", async () => {
    connect();
    await untilPhase("ready");
    server.last.send('{"type":"exit","signal":"TERM"}');
    server.last.send(Buffer.from("bye"));
    await until(() => output === "bye");
    server.last.terminate();
    await untilPhase("ended");
    expect(server.sockets).toHaveLength(1);
  });

  it("drops what is typed blindly", async () => {
    connect({ firstRetry: 60_000, longestRetry: 60_000 });
    await untilPhase("ready");
    server.last.terminate();
    await untilPhase("reconnecting");
    connection.send("rm -rf /\r");
    connection.retryNow();
    await untilPhase("ready");
    connection.send("x");
    await until(() => server.typed() !== "");
    expect(server.typed()).toBe("x");
  });

  it("is noticed when the server no longer answers", async () => {
    connect({ ping: 10, pong: 50 });
    await untilPhase("ready");
    server.last.removeAllListeners("message");
    await until(() => server.sockets.length === 2);
    await untilPhase("ready");
  });

  it("before anything was started ends with no session to go back to", async () => {
    server.greet = (socket) => socket.terminate();
    connect();
    await untilPhase("ended");
    expect(ending().code).toBe(1006);
    expect(connection.session).toBeNull();
    expect(server.sockets).toHaveLength(1);
  });

  it("continues a session after a reload of the page", async () => {
    connect({}, { session: "s-1", after: 42 });
    await untilPhase("ready");
    expect(server.urls[0]).toContain("session=s-1&after=42");
    expect(connection.received).toBe(42);
  });
});

describe("a session taken over elsewhere", () => {
  it("stays away until it is asked back", async () => {
    connect();
    await untilPhase("ready");
    server.last.close(4412);
    await untilPhase("ended");
    expect(server.sockets).toHaveLength(1);
    connection.resume();
    await untilPhase("ready");
    expect(server.urls[1]).toContain("session=s-1");
  });
});

describe("sizes", () => {
  it("are coalesced, and the last one arrives", async () => {
    connect({ resize: 30 });
    await untilPhase("ready");
    for (let cols = 81; cols <= 200; cols += 1) connection.resize({ cols, rows: 30 });
    await until(() => server.resizes().length === 2);
    expect(server.resizes().at(-1)).toEqual({ type: "resize", cols: 200, rows: 30 });
  });

  it("are told again when the terminal changed during a break", async () => {
    connect();
    await untilPhase("ready");
    server.last.terminate();
    await untilPhase("reconnecting");
    connection.resize({ cols: 132, rows: 43 });
    await untilPhase("ready");
    await until(() => server.resizes().length > 0);
    expect(server.resizes().at(-1)).toEqual({ type: "resize", cols: 132, rows: 43 });
  });

  it("are not repeated", async () => {
    connect({ resize: 5 });
    await untilPhase("ready");
    connection.resize({ cols: 80, rows: 24 });
    connection.send("x");
    await until(() => server.typed() === "x");
    expect(server.resizes()).toEqual([]);
  });
});

describe("flow", () => {
  it("counts what is shown apart from what has arrived", async () => {
    holdBack = [];
    connect();
    await untilPhase("ready");
    server.last.send(Buffer.alloc(1000));
    server.last.send(Buffer.alloc(500));
    await until(() => connection.received === 1500);
    expect(connection.shown).toBe(0);
    holdBack[0]?.();
    expect(connection.shown).toBe(1000);
  });

  it("gives up a socket that floods a terminal which cannot follow, and takes it up when it has", async () => {
    holdBack = [];
    connect();
    await untilPhase("ready");
    const flood = Buffer.alloc(8 * 1024 * 1024);
    for (let n = 0; n < 10; n += 1) server.last.send(flood);
    await untilPhase("reconnecting");
    const { received } = connection;
    expect(received).toBeLessThanOrEqual(72 * 1024 * 1024);
    for (const shown of holdBack) shown();
    await untilPhase("ready");
    expect(server.urls[1]).toContain(`after=${received}`);
  });
});

describe("closing the tab", () => {
  it("closes the socket and does not come back", async () => {
    connect();
    await untilPhase("ready");
    const closed = new Promise<number>((done) => server.last.on("close", (code) => done(code)));
    connection.close();
    expect(await closed).toBe(4000);
    expect(connection.isRunning).toBe(false);
  });
});
