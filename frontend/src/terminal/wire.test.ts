import { describe, expect, it } from "vitest";
import { binaryFrame, clampSize, inputFrames, MAX_FRAME_BYTES, parseServerMessage, terminalPath } from "./wire";

describe("messages from the server", () => {
  it("reads each known message", () => {
    expect(parseServerMessage('{"type":"ready","session":"s","offset":7,"cols":80,"rows":24}')).toEqual({
      type: "ready",
      session: "s",
      offset: 7,
      cols: 80,
      rows: 24,
    });
    expect(parseServerMessage('{"type":"exit","status":3}')).toEqual({ type: "exit", status: 3, signal: null });
    expect(parseServerMessage('{"type":"exit","signal":"TERM"}')).toEqual({
      type: "exit",
      status: null,
      signal: "TERM",
    });
    expect(parseServerMessage('{"type":"exit","status":null}')).toEqual({ type: "exit", status: null, signal: null });
    expect(parseServerMessage('{"type":"notice","text":"ends in 2 min"}')).toEqual({
      type: "notice",
      text: "ends in 2 min",
    });
    expect(parseServerMessage('{"type":"pong"}')).toEqual({ type: "pong" });
  });

  it.each([
    "",
    "not JSON",
    "null",
    "7",
    '"ready"',
    "{}",
    '{"type":"later"}',
    '{"type":"ready","session":1,"offset":0,"cols":80,"rows":24}',
    '{"type":"ready","session":"s","offset":-1,"cols":80,"rows":24}',
    '{"type":"ready","session":"s","offset":1.5,"cols":80,"rows":24}',
    '{"type":"notice"}',
  ])("passes over %j", (frame) => {
    expect(parseServerMessage(frame)).toBeNull();
  });
});

describe("frames to the server", () => {
  it("keeps sizes within what the server accepts", () => {
    expect(clampSize({ cols: 0, rows: -4 })).toEqual({ cols: 1, rows: 1 });
    expect(clampSize({ cols: Number.NaN, rows: 9999 })).toEqual({ cols: 1, rows: 500 });
    expect(clampSize({ cols: 80.9, rows: 24.2 })).toEqual({ cols: 80, rows: 24 });
  });

  it("sends nothing for no keystrokes", () => {
    expect([...inputFrames("")]).toEqual([]);
  });

  it("cuts a large paste between characters", () => {
    const text = "x中😀".repeat(30_000);
    const frames = [...inputFrames(text)];
    expect(frames.length).toBeGreaterThan(1);
    for (const frame of frames) {
      expect(frame.length).toBeLessThanOrEqual(MAX_FRAME_BYTES);
      expect(() => new TextDecoder("utf-8", { fatal: true }).decode(frame)).not.toThrow();
    }
    expect(frames.map((frame) => new TextDecoder().decode(frame)).join("")).toBe(text);
  });

  it("sends mouse reports byte for byte", () => {
    expect([...binaryFrame("\x1b[M\xff\x80")]).toEqual([0x1b, 0x5b, 0x4d, 0xff, 0x80]);
  });

  it("asks for a session, or for the rest of one", () => {
    expect(terminalPath("h/1", { cols: 80, rows: 24 })).toBe("/ws/hosts/h%2F1/terminal/?cols=80&rows=24");
    expect(terminalPath("h", { cols: 1, rows: 2 }, { session: "s", after: 12 })).toBe(
      "/ws/hosts/h/terminal/?cols=1&rows=2&session=s&after=12",
    );
  });
});
