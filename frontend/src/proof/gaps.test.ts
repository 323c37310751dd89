import { describe, expect, it } from "vitest";
import { gapAt, gapsOf, missingSeconds } from "./gaps";

const storage = { from: 10, until: 18, words: "storage was full" };
const moment = { from: 30, until: 30, words: "a line was damaged" };
const lost = { from: 60, until: null, words: "the machine was lost" };

describe("the gaps of a session", () => {
  it("are read from what the server sends", () => {
    expect(gapsOf({ gaps: [[10, 18, "storage was full"]] })).toEqual([storage]);
    expect(gapsOf({})).toEqual([]);
  });

  it("add up, unless nobody knows how long one is", () => {
    expect(missingSeconds([storage, moment])).toBe(8);
    expect(missingSeconds([storage, lost])).toBeNull();
    expect(missingSeconds([])).toBe(0);
  });
});

describe("the gap that the replay is in", () => {
  const gaps = [storage, moment, lost];

  it("lasts from its first second until what comes after it", () => {
    expect(gapAt(9.99, gaps)).toBe(-1);
    expect(gapAt(10, gaps)).toBe(0);
    expect(gapAt(17.99, gaps)).toBe(0);
    expect(gapAt(18, gaps)).toBe(-1);
  });

  it("can be read even if it is a single moment", () => {
    expect(gapAt(30, gaps)).toBe(1);
    expect(gapAt(31.9, gaps)).toBe(1);
    expect(gapAt(32, gaps)).toBe(-1);
  });

  it("goes on to the end when nothing came after it", () => {
    expect(gapAt(59, gaps)).toBe(-1);
    expect(gapAt(100_000, gaps)).toBe(2);
  });
});
