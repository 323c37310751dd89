import { describe, expect, it } from "vitest";
import type { Verification } from "@/api/types";
import { alteredSpans, spanOfSegment } from "./spans";
import { TimeMap } from "./timeMap";

// Two seconds of silence between 20 and 120 are left of a hundred.
const mapped = {
  index: {
    segments: [
      { start: 0, url: "0" },
      { start: 20, url: "1" },
      { start: 22, url: "2" },
    ],
  },
  map: new TimeMap([
    [0, 0],
    [20, 20],
    [120, 22],
    [150, 52],
  ]),
};

function report(verdict: Verification["verdict"], ...segments: (number | null)[]): Verification {
  const problems = segments.map((segment) => ({ segment, problem: "The content is not what was recorded." }));
  return {
    ok: verdict === "intact",
    verdict,
    state: "",
    sealed: true,
    signature: null,
    segments: 3,
    chain: "",
    checked_at: "2026-11-21T14:02:07Z",
    problems,
  };
}

describe("a segment", () => {
  it("lasts until the next one begins, in seconds since the session started", () => {
    expect(spanOfSegment(mapped, 0)).toEqual({ from: 0, until: 20 });
    expect(spanOfSegment(mapped, 1)).toEqual({ from: 20, until: 120 });
  });

  it("lasts to the end when it is the last one", () => {
    expect(spanOfSegment(mapped, 2)).toEqual({ from: 120, until: null });
  });

  it("has no place when replay does not have it", () => {
    expect(spanOfSegment(mapped, 3)).toBeNull();
  });
});

describe("what a check found altered", () => {
  it("is each segment with a problem, once", () => {
    expect(alteredSpans(report("altered", 1, 1, 2), mapped)).toEqual([
      { from: 20, until: 120 },
      { from: 120, until: null },
    ]);
  });

  it("is no segment when the problem is with the whole recording", () => {
    expect(alteredSpans(report("altered", null), mapped)).toEqual([]);
  });

  it("is nothing while nobody knows", () => {
    expect(alteredSpans(undefined, mapped)).toEqual([]);
    expect(alteredSpans(report("undecided", 1), mapped)).toEqual([]);
  });
});
