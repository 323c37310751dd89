import type { ITheme } from "@xterm/xterm";
import type { TerminalTheme } from "@/preferences";

/** Colours of a terminal, for the live one and for replay. */
export interface TerminalPalette {
  foreground: string;
  background: string;
  selection: string;
  /** ANSI 0-7, then 8-15. */
  ansi: readonly string[];
  /** xterm.js moves text that has less contrast than this; the player cannot. */
  minimumContrast: number;
}

export type TerminalScheme = Exclude<TerminalTheme, "auto">;

export const palettes: Record<TerminalScheme, TerminalPalette> = {
  dark: {
    foreground: "#dce1e8",
    background: "#14171d",
    selection: "#2f4f8f",
    ansi: "#272d37 #ff7b72 #6bd08b #e6c15c #7eb0ff #d59bf6 #5fd0dd #c9d1db #8b95a4 #ffa198 #8fe3a8 #f5d98a #a9cbff #e6bfff #93e6ef #ffffff".split(
      " ",
    ),
    minimumContrast: 4.5,
  },
  light: {
    foreground: "#1f252e",
    background: "#fbfbfd",
    selection: "#cfe0ff",
    ansi: "#1f252e #b3261e #1a6e37 #7d5600 #1f57b8 #8a2fa8 #0b6874 #5b6472 #667080 #c4352b #207a41 #8a5f00 #2a62cf #9a3dba #0e7280 #353d49".split(
      " ",
    ),
    minimumContrast: 4.5,
  },
  contrast: {
    foreground: "#ffffff",
    background: "#000000",
    selection: "#3a5fb0",
    ansi: "#000000 #ff8f85 #7de39f #f5d98a #a9cbff #e6bfff #93e6ef #ffffff #b6bdc8 #ffb3ab #a6f0bd #ffe9ae #c9deff #f1d9ff #b8f2f8 #ffffff".split(
      " ",
    ),
    minimumContrast: 7,
  },
};

/** The colours of search matches, dark text on both. */
export const matchColors = { match: "#f2c94c", active: "#ff9f43" };

export function schemeOf(theme: TerminalTheme, page: "light" | "dark"): TerminalScheme {
  return theme === "auto" ? page : theme;
}

export function xtermTheme({ foreground, background, selection, ansi }: TerminalPalette): ITheme {
  const names = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;
  const bright = names.map((name) => `bright${name[0]?.toUpperCase()}${name.slice(1)}`);
  return {
    foreground,
    background,
    cursor: foreground,
    cursorAccent: background,
    selectionBackground: selection,
    selectionInactiveBackground: selection,
    // Its default is white, a line along the whole terminal.
    overviewRulerBorder: background,
    ...Object.fromEntries([...names, ...bright].map((name, n) => [name, ansi[n]])),
  };
}

/** The same colours as custom properties, which the replay page hands to asciinema-player. */
export function playerVariables({ foreground, background, ansi }: TerminalPalette): Record<string, string> {
  return {
    "--replay-foreground": foreground,
    "--replay-background": background,
    ...Object.fromEntries(ansi.map((color, n) => [`--replay-${n}`, color])),
  };
}
