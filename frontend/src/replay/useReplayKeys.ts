import { useEffect, useRef } from "react";
import { formatOffset } from "@/i18n/formats";
import { useText } from "@/i18n/text";
import { belongsToControl, usePageKey } from "@/shell/keys";
import type { Finder } from "./useFinder";
import { type Replay, speeds } from "./useReplay";

interface KeyActions {
  replay: Replay;
  finder: Finder;
  goToCommand: (direction: 1 | -1) => void;
  toggleFullScreen: () => void;
  copyLink: () => void;
  openFind: () => void;
  toggleSide: () => void;
  /** Shows what a key did. */
  flash: (text: string) => void;
}

/** The keys of the replay page; they work wherever the focus is, but in inputs, menus and sliders. */
export function useReplayKeys(actions: KeyActions): void {
  const { replay, finder, goToCommand, flash } = actions;
  const t = useText();
  const move = (seconds: number) => {
    const time = Math.max(0, Math.min(replay.clock.get() + seconds, replay.index.true_duration));
    replay.seek(time);
    flash(formatOffset(time));
  };
  const changeSpeed = (step: 1 | -1) => {
    const at = speeds.indexOf(replay.speed as (typeof speeds)[number]);
    const next = speeds[Math.max(0, Math.min(speeds.length - 1, at + step))] ?? 1;
    replay.setSpeed(next);
    flash(`${next}×`);
  };
  useSpace(replay.toggle);
  usePageKey("ArrowLeft", t("5 seconds back; with Shift, a minute"), (event) => move(event.shiftKey ? -60 : -5));
  usePageKey("ArrowRight", t("5 seconds on; with Shift, a minute"), (event) => move(event.shiftKey ? 60 : 5));
  usePageKey(",", t("One frame back"), () => replay.step(-1));
  usePageKey(".", t("One frame on"), () => replay.step(1));
  usePageKey("[", t("Command before"), () => goToCommand(-1));
  usePageKey("]", t("Next command"), () => goToCommand(1));
  usePageKey("<", t("Slower"), () => changeSpeed(-1));
  usePageKey(">", t("Faster"), () => changeSpeed(1));
  usePageKey("i", t("Skip idle time, or not"), () => {
    replay.setSkipping(!replay.isSkipping);
    flash(replay.isSkipping ? t("Idle time is kept") : t("Idle time is skipped"));
  });
  usePageKey("f", t("Full screen"), actions.toggleFullScreen);
  usePageKey("/", t("Find in this recording"), actions.openFind);
  usePageKey("n", t("Next hit"), () => finder.go(1));
  usePageKey("N", t("Hit before"), () => finder.go(-1));
  usePageKey("w", t("Show or hide the side pane"), actions.toggleSide);
  usePageKey("c", t("Copy link to this second"), () => {
    actions.copyLink();
    flash(t("Link copied"));
  });
  useTenths((tenth) => move((replay.index.true_duration * tenth) / 10 - replay.clock.get()));
}

/** Space, which `usePageKey` cannot name; a button that has the focus keeps it. */
function useSpace(toggle: () => void): void {
  useKeyDown((event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    toggle();
  });
}

function useTenths(go: (tenth: number) => void): void {
  useKeyDown((event) => {
    if (/^[0-9]$/.test(event.key)) go(Number(event.key));
  });
}

function useKeyDown(handle: (event: KeyboardEvent) => void): void {
  const latest = useRef(handle);
  latest.current = handle;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isCovered = document.querySelector("[role=dialog]:not([hidden]), [role=menu]") !== null;
      if (!event.defaultPrevented && !belongsToControl(event) && !isCovered) latest.current(event);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}
