/** The second that `#t=754.2` names, or null. */
export function timeOfHash(hash: string): number | null {
  const found = /(?:^|[#&])t=(\d{1,9}(?:\.\d{1,6})?)(?:&|$)/.exec(hash);
  return found ? Number(found[1]) : null;
}

export function hashOfTime(seconds: number): string {
  return `t=${Math.max(0, Math.round(seconds * 10) / 10)}`;
}

/** The address in what the player says when it could not fetch a part of the recording. */
export function failedAddress(reason: unknown): string | null {
  const words = reason instanceof Error ? reason.message : String(reason);
  return /\/api\/v1\/sessions\/[\w-]+\/segments\/\d+\.json(?:\?[\w=&]*)?/.exec(words)?.[0] ?? null;
}
