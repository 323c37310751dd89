import { useSyncExternalStore } from "react";
import type { TrueTime } from "./timeMap";

/** Where the replay is. Read by what moves with it, so that ten times a second only that is drawn again. */
export class ReplayClock {
  private time: TrueTime = 0;
  private readonly listeners = new Set<() => void>();

  readonly get = (): TrueTime => this.time;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  set(time: TrueTime): void {
    if (time === this.time) return;
    this.time = time;
    for (const listener of this.listeners) listener();
  }
}

export function useClock(clock: ReplayClock): TrueTime {
  return useSyncExternalStore(clock.subscribe, clock.get);
}

/** The last of `moments` (rising) that the replay has reached, -1 before the first. */
export function useCurrent(clock: ReplayClock, moments: readonly { t: number }[]): number {
  return useSyncExternalStore(clock.subscribe, () => currentAt(clock.get(), moments));
}

// Seeking to a command stops half a second before it: it is current from there on.
export const leadIn = 0.5;

export function currentAt(time: TrueTime, moments: readonly { t: number }[]): number {
  let low = 0;
  let high = moments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((moments[middle]?.t ?? 0) <= time + leadIn + 0.001) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
