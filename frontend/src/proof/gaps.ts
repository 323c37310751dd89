import type { Session } from "@/api/types";

/** A stretch whose output is not in the recording; seconds since the session started. */
export interface Gap {
  from: number;
  /** Null when nothing came after it. */
  until: number | null;
  /** Why, as the server says it. */
  words: string;
}

export function gapsOf({ gaps }: Partial<Pick<Session, "gaps">>): Gap[] {
  return (gaps ?? []).map(([from, until, words]) => ({ from, until, words }));
}

/** Seconds that are missing in all; null when the end of a gap is not known. */
export function missingSeconds(gaps: readonly Gap[]): number | null {
  let sum = 0;
  for (const { from, until } of gaps) {
    if (until === null) return null;
    sum += until - from;
  }
  return sum;
}

// A gap can be a single moment: long enough then to be read while the replay passes it.
const leastShown = 2;

/** Number of the gap that the replay is in, -1 outside of them. */
export function gapAt(time: number, gaps: readonly Gap[]): number {
  return gaps.findIndex(
    ({ from, until }) => time >= from && time < Math.max(until ?? Number.POSITIVE_INFINITY, from + leastShown),
  );
}
