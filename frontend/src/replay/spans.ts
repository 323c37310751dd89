import type { Verification } from "@/api/types";
import type { TimeMap } from "./timeMap";
import type { ReplayIndex } from "./types";

/** A stretch of a recording; seconds since the session started. */
export interface Span {
  from: number;
  /** Null: to the end. */
  until: number | null;
}

interface Mapped {
  index: Pick<ReplayIndex, "segments">;
  map: TimeMap;
}

/** When segment number `n` was recorded; null for one that replay does not have. */
export function spanOfSegment({ index: { segments }, map }: Mapped, n: number): Span | null {
  const segment = segments[n];
  if (!segment) return null;
  const next = segments[n + 1];
  return { from: map.toTrue(segment.start), until: next ? map.toTrue(next.start) : null };
}

/** The stretches that a check found altered. */
export function alteredSpans(report: Verification | undefined, mapped: Mapped): Span[] {
  if (report?.verdict !== "altered") return [];
  const numbers = new Set(report.problems.flatMap(({ segment }) => (segment === null ? [] : [segment])));
  return [...numbers].flatMap((n) => spanOfSegment(mapped, n) ?? []);
}
