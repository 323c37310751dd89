import { describe, expect, it } from "vitest";
import { TimeMap } from "./timeMap";

// 10 s of work, a silence of a minute shown in 2 s, 10 s of work.
const map = new TimeMap([
  [0, 0],
  [10, 10],
  [70, 12],
  [80, 22],
]);

describe("time map", () => {
  it.each([
    [0, 0],
    [5, 5],
    [10, 10],
    [40, 11],
    [70, 12],
    [75, 17],
    [80, 22],
  ])("shows second %d at %d", (true_, shown) => {
    expect(map.toShown(true_)).toBeCloseTo(shown, 9);
    expect(map.toTrue(shown)).toBeCloseTo(true_, 9);
  });

  it("goes on beyond its ends, but not before the beginning", () => {
    expect(map.toShown(90)).toBeCloseTo(32);
    expect(map.toTrue(32)).toBeCloseTo(90);
    expect(map.toShown(-5)).toBe(0);
  });

  it("names what is cut short", () => {
    expect(map.cuts).toEqual([{ from: 10, to: 12, seconds: 60 }]);
  });

  it("changes nothing when idle time is kept", () => {
    const whole = new TimeMap([
      [0, 0],
      [100, 100],
    ]);
    expect(whole.toShown(42.5)).toBe(42.5);
    expect(whole.cuts).toEqual([]);
  });

  it("survives a map without nodes", () => {
    expect(new TimeMap([]).toShown(3)).toBe(3);
  });

  it("survives nodes at the same moment", () => {
    const odd = new TimeMap([
      [0, 0],
      [5, 5],
      [5, 5],
      [10, 10],
    ]);
    expect(odd.toShown(5)).toBe(5);
    expect(odd.toTrue(7)).toBe(7);
  });
});
