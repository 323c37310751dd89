import { useComputedColorScheme } from "@mantine/core";
import { useElementSize, useMergedRef } from "@mantine/hooks";
import { useEffect, useRef } from "react";
import classes from "./Replay.module.css";
import type { TimeMap } from "./timeMap";
import type { Moment } from "./types";

interface LaneProps {
  map: TimeMap;
  /** Shown seconds. */
  duration: number;
  commands: readonly Moment[];
  hits: readonly Moment[];
}

const colors = {
  light: { command: "#353d49", hit: "#a3118a", idle: "#eef0f3", edge: "#b6bdc8" },
  dark: { command: "#dce1e8", hit: "#ff8ae2", idle: "#272d37", edge: "#465060" },
};

/** Under the seek bar: a tick for each command, a diamond for each hit, bands where idle time is skipped. The lists
 * beside the screen say the same to those who do not see it. */
export function Lane({ map, duration, commands, hits }: LaneProps) {
  const element = useRef<HTMLCanvasElement>(null);
  const { ref, width } = useElementSize<HTMLCanvasElement>();
  const merged = useMergedRef(ref, element);
  const scheme = useComputedColorScheme("light");
  useEffect(() => {
    const canvas = element.current;
    const context = canvas?.getContext("2d");
    if (!canvas || !context || width === 0) return;
    const scale = window.devicePixelRatio;
    const height = canvas.clientHeight;
    canvas.width = width * scale;
    canvas.height = height * scale;
    context.scale(scale, scale);
    const { command, hit, idle, edge } = colors[scheme];
    const xOf = (shown: number) => (duration > 0 ? Math.min(1, shown / duration) * width : 0);
    for (const { from, to } of map.cuts) {
      context.fillStyle = idle;
      context.fillRect(xOf(from), 2, Math.max(2, xOf(to) - xOf(from)), height - 4);
      context.fillStyle = edge;
      context.fillRect(xOf(from), 2, 1, height - 4);
    }
    context.fillStyle = command;
    for (const { t } of commands) context.fillRect(Math.min(width - 1, xOf(map.toShown(t))), 4, 1, height - 8);
    context.fillStyle = hit;
    for (const { t } of hits) drawDiamond(context, xOf(map.toShown(t)), height / 2, 4);
  }, [width, scheme, map, duration, commands, hits]);
  return (
    <div aria-hidden="true">
      <canvas ref={merged} className={classes.lane} />
    </div>
  );
}

function drawDiamond(context: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  context.beginPath();
  context.moveTo(x, y - size);
  context.lineTo(x + size, y);
  context.lineTo(x, y + size);
  context.lineTo(x - size, y);
  context.fill();
}
