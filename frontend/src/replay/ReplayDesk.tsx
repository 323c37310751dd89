import { Splitter } from "@mantine/core";
import { useClipboard, useMediaQuery } from "@mantine/hooks";
import { useLocation, useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Command, Session, Verification } from "@/api/types";
import { gapsOf } from "@/proof/gaps";
import { hashOfTime, timeOfHash } from "./address";
import { currentAt, leadIn } from "./clock";
import classes from "./Replay.module.css";
import { SidePane, type SideTab } from "./SidePane";
import { Stage } from "./Stage";
import { alteredSpans } from "./spans";
import type { ReplayIndex } from "./types";
import { useFinder } from "./useFinder";
import { type Replay, useReplay, type useReplayHabits } from "./useReplay";
import { useReplayKeys } from "./useReplayKeys";

interface ReplayDeskProps {
  session: Session;
  /** In the order of time. */
  commands: readonly Command[];
  index: ReplayIndex;
  startAt: number;
  habits: ReturnType<typeof useReplayHabits>;
  side: { tab: SideTab; setTab: (tab: SideTab) => void; isShown: boolean; setShown: (isShown: boolean) => void };
  /** Of the check that was made here, if one was. */
  report: Verification | undefined;
}

/** The screen, its bar, and what stands beside it, all at the same second. */
export function ReplayDesk({ session, commands, index, startAt, habits, side, report }: ReplayDeskProps) {
  const replay = useReplay(session.id, index, startAt, habits);
  const finder = useFinder(session.id, replay.seek);
  const findInput = useRef<HTMLInputElement>(null);
  const desk = useRef<HTMLDivElement>(null);
  const clipboard = useClipboard();
  const gaps = useMemo(() => gapsOf(session), [session]);
  const { map } = replay;
  const altered = useMemo(() => alteredSpans(report, { index, map }), [report, index, map]);
  const [flash, setFlash] = useState<{ text: string; at: number } | null>(null);
  const isNarrow = useMediaQuery("(max-width: 900px)", undefined, { getInitialValueInEffect: false });
  useAddress(replay);

  const goToCommand = (direction: 1 | -1) => {
    const at = currentAt(replay.clock.get(), commands);
    const next = commands[Math.max(0, Math.min(commands.length - 1, at + direction))];
    if (next) replay.seek(Math.max(0, next.t - leadIn));
  };
  const toggleFullScreen = () => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void desk.current?.querySelector(".bastion-replay")?.requestFullscreen();
  };
  const link = () => {
    const { origin, pathname } = window.location;
    return `${origin}${pathname}#${hashOfTime(replay.clock.get())}`;
  };
  const openFind = () => {
    side.setShown(true);
    side.setTab("find");
    requestAnimationFrame(() => findInput.current?.focus());
  };
  useReplayKeys({
    replay,
    finder,
    goToCommand,
    toggleFullScreen,
    copyLink: () => clipboard.copy(link()),
    openFind,
    toggleSide: () => side.setShown(!side.isShown),
    flash: (text) => setFlash({ text, at: Date.now() }),
  });

  const stage = (
    <Stage
      replay={replay}
      startedAt={session.started_at}
      commands={commands}
      hits={finder.hits}
      gaps={gaps}
      altered={altered}
      flash={flash}
      goToCommand={goToCommand}
      toggleFullScreen={toggleFullScreen}
      link={link}
    />
  );
  const pane = (
    <SidePane
      session={session}
      commands={commands}
      replay={replay}
      finder={{ state: finder, input: findInput }}
      tab={side.tab}
      setTab={side.setTab}
    />
  );
  if (isNarrow || !side.isShown) {
    return (
      <div ref={desk} className={isNarrow ? classes.narrow : classes.body}>
        {stage}
        {side.isShown && pane}
      </div>
    );
  }
  return (
    <div ref={desk} className={classes.body}>
      <Splitter h="100%">
        <Splitter.Pane defaultSize="68%" min="30%">
          {stage}
        </Splitter.Pane>
        <Splitter.Pane defaultSize="32%" min="18%">
          {pane}
        </Splitter.Pane>
      </Splitter>
    </div>
  );
}

/** `#t=` follows the replay when it rests, and leads it when somebody changes it. */
function useAddress({ clock, state, seek }: Pick<Replay, "clock" | "state" | "seek">): void {
  const { hash } = useLocation();
  const navigate = useNavigate();
  const written = useRef(hash);
  const write = useCallback(() => {
    const next = hashOfTime(clock.get());
    if (next === written.current) return;
    written.current = next;
    void navigate({ to: ".", search: true, hash: next, replace: true, resetScroll: false, hashScrollIntoView: false });
  }, [clock, navigate]);
  useEffect(() => {
    if (state !== "paused" && state !== "ended") return;
    let timer = setTimeout(write, 400);
    const stop = clock.subscribe(() => {
      clearTimeout(timer);
      timer = setTimeout(write, 400);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [state, clock, write]);
  useEffect(() => {
    if (hash === written.current) return;
    written.current = hash;
    const time = timeOfHash(hash);
    if (time !== null) seek(time);
  }, [hash, seek]);
}
