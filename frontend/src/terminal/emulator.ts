import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { SerializeAddon } from "@xterm/addon-serialize";
import { UnicodeGraphemesAddon } from "@xterm/addon-unicode-graphemes";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import type { TerminalPreferences } from "@/preferences";
import { commandOf, type TerminalCommand } from "./keys";
import { matchColors, palettes, type TerminalScheme, xtermTheme } from "./theme";
import type { TerminalSize } from "./wire";

export interface EmulatorEvents {
  input(text: string): void;
  binary(bytes: string): void;
  resized(size: TerminalSize): void;
  titled(title: string): void;
  bell(): void;
  pasted(text: string): void;
  linked(url: string): void;
  command(command: TerminalCommand): void;
  matches(current: number, total: number): void;
}

const isMac = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);
const fallbackFont = 'ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Noto Sans Mono CJK SC",monospace';
const SCROLLBACK = 10_000;
// What a reload keeps of the scrollback: session storage holds about 5 MB for all terminals.
const KEPT_SCROLLBACK = 500;

/** WebGL without a graphics card takes ten times as long for a frame as the DOM renderer, which is then the better one. */
function hasFastWebgl(): boolean {
  const context = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  const names = context?.getExtension("WEBGL_debug_renderer_info");
  const renderer = names ? String(context?.getParameter(names.UNMASKED_RENDERER_WEBGL)) : "";
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null && !/swiftshader|llvmpipe|software|basic render/i.test(renderer);
}

/** The screen and the keyboard of one terminal. Lives in its own element, which is moved between containers. */
export class Emulator {
  readonly element: HTMLDivElement;
  private readonly terminal: Terminal;
  private readonly fit = new FitAddon();
  private readonly search = new SearchAddon();
  private readonly serializer = new SerializeAddon();
  private webgl: { dispose(): void } | null = null;
  private isOpen = false;
  private copiesOnSelect = false;

  constructor(size: TerminalSize, events: EmulatorEvents) {
    this.element = document.createElement("div");
    this.element.style.height = "100%";
    const activate = (_: MouseEvent, url: string) => events.linked(url);
    this.terminal = new Terminal({
      ...size,
      allowProposedApi: true,
      lineHeight: 1.2,
      scrollback: SCROLLBACK,
      rescaleOverlappingGlyphs: true,
      overviewRuler: { width: 10 },
      smoothScrollDuration: 0,
      windowOptions: {},
      linkHandler: { activate },
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    });
    this.terminal.loadAddon(this.fit);
    this.terminal.loadAddon(this.search);
    this.terminal.loadAddon(this.serializer);
    this.terminal.loadAddon(new UnicodeGraphemesAddon());
    this.terminal.loadAddon(new WebLinksAddon(activate));
    this.listen(events);
  }

  get size(): TerminalSize {
    return { cols: this.terminal.cols, rows: this.terminal.rows };
  }

  get selection(): string {
    return this.terminal.getSelection();
  }

  write(bytes: Uint8Array | string, done?: () => void): void {
    this.terminal.write(bytes, done);
  }

  /** Puts the terminal into `container`, sized to it and drawn with WebGL where there is any. */
  show(container: HTMLElement, describedBy: string): void {
    container.append(this.element);
    if (!this.isOpen) {
      this.terminal.open(this.element);
      this.isOpen = true;
    }
    this.terminal.textarea?.setAttribute("aria-describedby", describedBy);
    this.refit();
    void this.draw();
  }

  /** Out of the page, still running. Browsers allow few WebGL contexts: hidden terminals have none. */
  hide(): void {
    this.webgl?.dispose();
    this.webgl = null;
    this.element.remove();
  }

  refit(): void {
    if (this.element.clientWidth > 0 && this.element.clientHeight > 0) this.fit.fit();
  }

  focus(): void {
    this.terminal.focus();
  }

  /** A key that was pressed outside of the terminal. */
  press(bytes: string): void {
    this.terminal.input(bytes);
    this.terminal.focus();
  }

  /** Ready for the output of another session: modes that the last one left behind end, what it showed stays. */
  startOver(): void {
    const leaveAlternate = this.terminal.buffer.active.type === "alternate" ? "\x1b[?1049l" : "";
    this.terminal.write(`${leaveAlternate}\x1b[!p\x1b[?9;1000;1002;1003;1004;1006;2004l\r\n`);
  }

  paste(text: string): void {
    this.terminal.paste(text);
    this.terminal.focus();
  }

  async copy(): Promise<boolean> {
    if (!this.terminal.hasSelection()) return false;
    try {
      await navigator.clipboard.writeText(this.selection);
      return true;
    } catch {
      // Without https there is no clipboard API; xterm.js answers the old command.
      return document.execCommand("copy");
    }
  }

  /** The terminal takes no more keys; its text can be read, searched and copied. */
  freeze(isFrozen: boolean): void {
    this.terminal.options.disableStdin = isFrozen;
    this.terminal.options.cursorInactiveStyle = isFrozen ? "none" : "outline";
  }

  configure(preferences: TerminalPreferences, scheme: TerminalScheme): void {
    const palette = palettes[scheme];
    const { options } = this.terminal;
    options.theme = xtermTheme(palette);
    options.minimumContrastRatio = palette.minimumContrast;
    options.fontSize = preferences.fontSize;
    options.fontFamily = preferences.fontFamily ? `${preferences.fontFamily},${fallbackFont}` : fallbackFont;
    options.macOptionIsMeta = preferences.altIsMeta;
    options.screenReaderMode = preferences.screenReader;
    this.copiesOnSelect = preferences.copyOnSelect;
    this.refit();
  }

  /** Finds and marks; an empty text takes the marks away. */
  find(text: string, direction: "next" | "previous", isIncremental = false): void {
    if (text === "") {
      this.search.clearDecorations();
      return;
    }
    const decorations = {
      matchBackground: matchColors.match,
      matchOverviewRuler: matchColors.match,
      activeMatchBackground: matchColors.active,
      activeMatchColorOverviewRuler: matchColors.active,
    };
    if (direction === "next") this.search.findNext(text, { incremental: isIncremental, decorations });
    else this.search.findPrevious(text, { decorations });
  }

  /** Text that draws the screen and the last of the scrollback again, for another terminal of this size. */
  serialize(): string {
    return this.serializer.serialize({ scrollback: KEPT_SCROLLBACK });
  }

  dispose(): void {
    this.hide();
    this.terminal.dispose();
  }

  private listen(events: EmulatorEvents): void {
    const { terminal } = this;
    terminal.onData((text) => events.input(text));
    terminal.onBinary((bytes) => events.binary(bytes));
    terminal.onResize((size) => events.resized(size));
    terminal.onTitleChange((title) => events.titled(title));
    terminal.onBell(() => events.bell());
    terminal.onSelectionChange(() => {
      if (this.copiesOnSelect) void this.copy();
    });
    this.search.onDidChangeResults(({ resultIndex, resultCount }) => events.matches(resultIndex + 1, resultCount));
    terminal.attachCustomKeyEventHandler((event) => {
      const command = commandOf(event, isMac);
      if (command === null) return true;
      // The browser's own paste brings the text without asking for the clipboard.
      if (command === "paste") return false;
      event.preventDefault();
      if (event.type === "keydown") events.command(command);
      return false;
    });
    this.element.addEventListener(
      "paste",
      (event) => {
        event.preventDefault();
        event.stopPropagation();
        events.pasted(event.clipboardData?.getData("text/plain") ?? "");
      },
      { capture: true },
    );
  }

  private async draw(): Promise<void> {
    if (this.webgl || !hasFastWebgl()) return;
    const { WebglAddon } = await import("@xterm/addon-webgl");
    if (this.webgl || !this.element.isConnected) return;
    const addon = new WebglAddon();
    // Without a context, or when the browser takes it away, the DOM renderer draws.
    addon.onContextLoss(() => this.dropWebgl(addon));
    try {
      this.terminal.loadAddon(addon);
      this.webgl = addon;
      // Its cells are whole pixels wide, those of the DOM renderer are not.
      this.refit();
    } catch {
      addon.dispose();
    }
  }

  private dropWebgl(addon: { dispose(): void }): void {
    addon.dispose();
    if (this.webgl === addon) this.webgl = null;
  }
}
