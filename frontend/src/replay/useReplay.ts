import { useComputedColorScheme } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { api, apiUrl } from "@/api/client";
import { usePreferences } from "@/preferences";
import { schemeOf } from "@/terminal/theme";
import { ReplayClock } from "./clock";
import { problemBehind } from "./failure";
import type { PlayerState, ReplayPlayer } from "./player";
import { TimeMap, type TrueTime } from "./timeMap";
import type { ReplayIndex } from "./types";

export const speeds = [0.5, 1, 1.5, 2, 4, 8, 16] as const;

interface Habits {
  speed: number;
  isSkipping: boolean;
}

const usualHabits: Habits = { speed: 1, isSkipping: true };
const fallbackFont = 'ui-monospace,Menlo,Consolas,"DejaVu Sans Mono","Noto Sans Mono CJK SC",monospace';

export interface Replay extends Habits {
  index: ReplayIndex;
  map: TimeMap;
  clock: ReplayClock;
  state: PlayerState | "failed";
  error: unknown;
  /** Where the player's picture goes. */
  screen: (element: HTMLDivElement | null) => void;
  toggle: () => void;
  pause: () => void;
  /** Seconds since the session started. */
  seek: (time: TrueTime) => void;
  step: (direction: 1 | -1) => void;
  setSpeed: (speed: number) => void;
  setSkipping: (isSkipping: boolean) => void;
  retry: () => void;
}

const lookAgainEvery = 4_000;

/** Looks again by itself while there is nothing yet, and until an ended recording is whole. */
export function useReplayIndex(
  id: string,
  isSkipping: boolean,
  { isRunning, isDeleted }: { isRunning: boolean; isDeleted: boolean },
) {
  const idle = isSkipping ? "skip" : "keep";
  return useQuery({
    queryKey: ["sessions", id, "replay.json", idle],
    queryFn: ({ signal }) => api.get<ReplayIndex>(`sessions/${id}/replay.json`, { idle }, signal),
    placeholderData: keepPreviousData,
    enabled: !isDeleted,
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: ({ state: { data } }) =>
      data && !data.complete && (data.true_duration === 0 || !isRunning) ? lookAgainEvery : false,
  });
}

export function useReplayHabits() {
  return useLocalStorage<Habits>({
    key: "bastion-replay",
    defaultValue: usualHabits,
    getInitialValueInEffect: false,
  });
}

/** The player of one recording, with its time told in seconds since the session started. */
export function useReplay(
  id: string,
  index: ReplayIndex,
  startAt: TrueTime,
  [habits, setHabits]: ReturnType<typeof useReplayHabits>,
): Replay {
  const { terminal } = usePreferences();
  const scheme = schemeOf(terminal.theme, useComputedColorScheme("light"));
  const map = useMemo(() => new TimeMap(index.map), [index]);
  const [clock] = useState(() => {
    const made = new ReplayClock();
    made.set(startAt);
    return made;
  });
  const [element, screen] = useState<HTMLDivElement | null>(null);
  const [state, setState] = useState<Replay["state"]>("loading");
  const [error, setError] = useState<unknown>(null);
  const [attempt, setAttempt] = useState(0);
  const player = useRef<ReplayPlayer | null>(null);
  const speed = useRef(habits.speed);
  const isPlaying = useRef(false);
  useEffect(() => {
    if (state !== "loading") isPlaying.current = state === "playing";
  }, [state]);
  const fontFamily = terminal.fontFamily ? `${terminal.fontFamily},${fallbackFont}` : fallbackFont;

  // biome-ignore lint/correctness/useExhaustiveDependencies: `attempt` asks for another player; one reads its colours when it is made
  useEffect(() => {
    if (!element) return;
    let isGone = false;
    const fail = (reason: unknown) => {
      setError(reason);
      setState("failed");
      void problemBehind(reason).then((problem) => {
        if (!isGone && problem) setError(problem);
      });
    };
    setState("loading");
    import("./player").then(({ ReplayPlayer }) => {
      if (isGone) return;
      player.current = new ReplayPlayer(element, {
        url: apiUrl(`sessions/${id}/replay.json`, { idle: index.idle }),
        startAt: Math.min(map.toShown(clock.get()), index.duration),
        speed: speed.current,
        plays: isPlaying.current,
        fontFamily,
        events: { state: setState, time: (shown) => clock.set(map.toTrue(shown)), failed: fail },
      });
    }, fail);
    return () => {
      isGone = true;
      player.current?.dispose();
      player.current = null;
    };
  }, [element, id, index, map, clock, fontFamily, scheme, attempt]);

  const seek = useCallback(
    (time: TrueTime) => {
      const inside = Math.max(0, Math.min(time, index.true_duration));
      player.current?.seek(Math.min(map.toShown(inside), index.duration));
    },
    [map, index],
  );
  const setSpeed = (next: number) => {
    speed.current = next;
    player.current?.setSpeed(next);
    setHabits((was) => ({ ...was, speed: next }));
  };
  return {
    ...habits,
    index,
    map,
    clock,
    state,
    error,
    screen,
    seek,
    setSpeed,
    toggle: () => (state === "playing" ? player.current?.pause() : player.current?.play()),
    pause: () => player.current?.pause(),
    step: (direction) => player.current?.step(direction),
    setSkipping: (isSkipping) => setHabits((was) => ({ ...was, isSkipping })),
    retry: () => setAttempt((count) => count + 1),
  };
}
