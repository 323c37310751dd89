import type { Session } from "@/api/types";

export function isRunning({ state }: Pick<Session, "state">): boolean {
  return state === "live" || state === "detached";
}

/** Seconds from start to end, or to this moment while it runs; what is stored of a running one lags behind. */
export function lengthOf(session: Pick<Session, "state" | "started_at" | "duration">, now = Date.now()): number | null {
  if (!isRunning(session)) return session.duration;
  return Math.max(0, (now - new Date(session.started_at).getTime()) / 1000);
}
