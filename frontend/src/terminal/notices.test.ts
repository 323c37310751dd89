import { expect, test } from "vitest";
import { takeNotice } from "./notices";

test("a stalled disk is said until recording goes on", () => {
  expect(takeNotice("Recording is slow: the terminal waits for the disk.")).toEqual({ isStalled: true });
  expect(takeNotice("Recording goes on.")).toEqual({ isStalled: false });
});

test("another notice does not end the stall", () => {
  const notice = "The server stops: this session ends in 5 min at the latest.";
  expect(takeNotice(notice)).toEqual({ notice });
});
