import { useComputedColorScheme } from "@mantine/core";
import type { CSSProperties } from "react";
import { stateLooks } from "@/shell/states";
import type { EndingTone } from "./endings";

const kinds = { calm: "sealed", cut: "warning", broken: "refused" } as const;

/** Custom properties for a bar of this tone: `--tone` for its edge and its title, `--tone-tint` behind. */
export function useTone(tone: EndingTone): CSSProperties {
  const scheme = useComputedColorScheme("light");
  const [color, tint] = stateLooks[kinds[tone]][scheme];
  return { "--tone": color, "--tone-tint": tint } as CSSProperties;
}
