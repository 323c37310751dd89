import { useComputedColorScheme } from "@mantine/core";
import { useElementSize, useMergedRef } from "@mantine/hooks";
import { useEffect, useRef } from "react";
import classes from "./Replay.module.css";
import type { Span } from "./spans";
import type { TimeMap } from "./timeMap";
import type { Moment } from "./types";

interface LaneProps {
  map: TimeMap;
  /** Shown seconds. */
  duration: number;
  commands: readonly Moment[];
  hits: readonly Moment[];
  /** Where something is missing, and what a check found altered. */
  gaps: readonly Span[];
  altered: readonly Span[];
}

const colors = {
  light: {
    command: "#353d49",
    hit: "#a3118a",
    idle: "#eef0f3",
    edge: "#b6bdc8",
    gap: "#8a5000",
    gapTint: "#fff3dc",
    altered: "#b3261e",
    alteredTint: "#fdeceb",
  },
  dark: {
    command: "#dce1e8",
    hit: "#ff8ae2",
    idle: "#272d37",
    edge: "#465060",
    gap: "#f5b84b",
    gapTint: "#37280d",
    altered: "#ff8f85",
    alteredTint: "#401a18",
  },
};

// A short gap in a long session must still be seen.
const leastWidth = 8;

/** Under the seek bar: a tick for each command, a diamond for each hit, bands where idle time is skipped, hatching
 * where something is missing or altered. The lists beside the screen say the same to those who do not see it. */
export function Lane({ map, duration, commands, hits, gaps, altered }: LaneProps) {
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
    const look = colors[scheme];
    const xOf = (shown: number) => (duration > 0 ? Math.min(1, shown / duration) * width : 0);
    for (const { from, to } of map.cuts) {
      context.fillStyle = look.idle;
      context.fillRect(xOf(from), 2, Math.max(2, xOf(to) - xOf(from)), height - 4);
      context.fillStyle = look.edge;
      context.fillRect(xOf(from), 2, 1, height - 4);
    }
    const hatch = ({ from, until }: Span, ink: string, tint: string) => {
      const start = xOf(map.toShown(from));
      const end = Math.max(until === null ? width : xOf(map.toShown(until)), start + leastWidth);
      const left = Math.min(start, width - leastWidth);
      drawHatch(context, { left, width: Math.min(end, width) - left, height }, ink, tint);
    };
    for (const span of altered) hatch(span, look.altered, look.alteredTint);
    for (const span of gaps) hatch(span, look.gap, look.gapTint);
    context.fillStyle = look.command;
    for (const { t } of commands) context.fillRect(Math.min(width - 1, xOf(map.toShown(t))), 4, 1, height - 8);
    context.fillStyle = look.hit;
    for (const { t } of hits) drawDiamond(context, xOf(map.toShown(t)), height / 2, 4);
  }, [width, scheme, map, duration, commands, hits, gaps, altered]);
  return (
    <div aria-hidden="true">
      <canvas ref={merged} className={classes.lane} data-gaps={gaps.length} data-altered={altered.length} />
    </div>
  );
}

interface Box {
  left: number;
  width: number;
  height: number;
}

/** Lines at 45° on a tint, inside of a frame. */
function drawHatch(context: CanvasRenderingContext2D, { left, width, height }: Box, ink: string, tint: string): void {
  context.save();
  context.beginPath();
  context.rect(left, 1, width, height - 2);
  context.clip();
  context.fillStyle = tint;
  context.fill();
  context.strokeStyle = ink;
  context.lineWidth = 1.5;
  for (let x = left - height; x < left + width; x += 5) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.stroke();
  context.restore();
}

function drawDiamond(context: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  context.beginPath();
  context.moveTo(x, y - size);
  context.lineTo(x + size, y);
  context.lineTo(x, y + size);
  context.lineTo(x - size, y);
  context.fill();
}
