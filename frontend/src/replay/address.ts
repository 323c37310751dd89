/** The second that `#t=754.2` names, or null. */
export function timeOfHash(hash: string): number | null {
  const found = /(?:^|[#&])t=(\d{1,9}(?:\.\d{1,6})?)(?:&|$)/.exec(hash);
  return found ? Number(found[1]) : null;
}

export function hashOfTime(seconds: number): string {
  return `t=${Math.max(0, Math.round(seconds * 10) / 10)}`;
}
