import { describe, expect, it } from "vitest";
import { failedAddress, hashOfTime, timeOfHash } from "./address";
import { currentAt } from "./clock";

describe("the second in the address", () => {
  it.each([
    ["#t=754.2", 754.2],
    ["t=0", 0],
    ["#x=1&t=3", 3],
    ["", null],
    ["#t=", null],
    ["#t=-1", null],
    ["#t=1e9", null],
    ["#t=abc", null],
    ["#at=4", null],
  ])("in %j is %j", (hash, seconds) => {
    expect(timeOfHash(hash)).toBe(seconds);
  });

  it("is written in tenths", () => {
    expect(hashOfTime(12.3456)).toBe("t=12.3");
    expect(hashOfTime(-1)).toBe("t=0");
    expect(timeOfHash(hashOfTime(0.05))).toBeCloseTo(0.1);
  });
});

describe("the current command", () => {
  const commands = [{ t: 5 }, { t: 10 }, { t: 10 }, { t: 20 }];

  it.each([
    [0, -1],
    [4.5, 0],
    [9, 0],
    [9.5, 2],
    [12, 2],
    [100, 3],
  ])("at second %d is number %d", (time, n) => {
    expect(currentAt(time, commands)).toBe(n);
  });
});

it("the address of a part is found in the player's words", () => {
  const words =
    "failed fetching recording from http://127.0.0.1:8000/api/v1/sessions/b4c25914-11d4/segments/12.json?idle=skip: 503 Service Unavailable";
  expect(failedAddress(new Error(words))).toBe("/api/v1/sessions/b4c25914-11d4/segments/12.json?idle=skip");
});

it("other failures have none", () => {
  expect(failedAddress(new Error("out of memory"))).toBeNull();
  expect(failedAddress("http://127.0.0.1:8000/api/v1/sessions/b4c25914/replay.json: 500")).toBeNull();
});
