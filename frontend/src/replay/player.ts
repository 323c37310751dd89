/** asciinema-player behind the few verbs that replay needs, with a speed that can change. Loaded lazily. */
import { create, type Player, type Source } from "asciinema-player";
import "asciinema-player/dist/bundle/asciinema-player.css";
import type { ShownTime } from "./timeMap";

export type PlayerState = "loading" | "paused" | "playing" | "ended";

export interface PlayerEvents {
  state(state: PlayerState): void;
  /** Several times a second while it plays, and after each seek. */
  time(time: ShownTime): void;
  failed(error: unknown): void;
}

interface PlayerOptions {
  /** Of replay.json. */
  url: string;
  startAt: ShownTime;
  speed: number;
  /** Whether it plays on by itself once the picture is there. */
  plays: boolean;
  fontFamily: string;
  events: PlayerEvents;
}

type Listenable = { addEventListener(name: string, handler: (event: unknown) => void): void };

const tick = 100;

export class ReplayPlayer {
  private player: Player;
  private layer: HTMLDivElement;
  private speed: number;
  private isPlaying = false;
  private timer: ReturnType<typeof setInterval>;
  private isDisposed = false;

  constructor(
    private readonly container: HTMLElement,
    private readonly options: PlayerOptions,
  ) {
    this.speed = options.speed;
    this.layer = this.addLayer();
    this.player = this.make(this.layer, options.startAt, false);
    this.timer = setInterval(() => {
      if (this.isPlaying) options.events.time(this.time);
    }, tick);
    options.events.state("loading");
    this.attempt(this.player.seek(options.startAt).then(() => (options.plays ? this.play() : this.settle("paused"))));
  }

  get time(): ShownTime {
    return this.player.getCurrentTime();
  }

  play(): void {
    this.attempt(this.player.play());
  }

  pause(): void {
    this.attempt(this.player.pause());
  }

  seek(time: ShownTime): void {
    this.options.events.time(time);
    this.attempt(this.player.seek(time).then(() => this.options.events.time(this.time)));
  }

  /** One frame on or back. The player has no method for it, only keys. */
  step(direction: 1 | -1): void {
    const key = direction === 1 ? "." : ",";
    this.player.el.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    setTimeout(() => this.options.events.time(this.time), tick);
  }

  /**
   * The player takes its speed when it is made: another one is made below this one, and takes its place once it shows
   * a picture, so that nothing flickers.
   */
  setSpeed(speed: number): void {
    if (speed === this.speed) return;
    this.speed = speed;
    const old = { player: this.player, layer: this.layer };
    const { time, isPlaying } = this;
    if (isPlaying) this.attempt(old.player.pause());
    const layer = this.addLayer();
    layer.style.visibility = "hidden";
    this.layer = layer;
    this.player = this.make(layer, time, false);
    const { player } = this;
    const swap = () => {
      layer.style.visibility = "";
      old.player.dispose();
      old.layer.remove();
      if (isPlaying && this.player === player) this.play();
    };
    this.attempt(player.seek(time).then(swap));
  }

  dispose(): void {
    this.isDisposed = true;
    clearInterval(this.timer);
    this.player.dispose();
    this.container.replaceChildren();
  }

  private make(layer: HTMLElement, startAt: ShownTime, autoPlay: boolean): Player {
    const source = { url: this.options.url, format: "segmented", fetchOpts: { credentials: "same-origin" } };
    const player = create(source as Source, layer, {
      startAt,
      autoPlay,
      preload: true,
      speed: this.speed,
      fit: "both",
      controls: false,
      theme: "bastion",
      terminalFontFamily: this.options.fontFamily,
    });
    const on = (name: string, handler: (event: unknown) => void) =>
      // "error" and "ended" are not all in its typings.
      (player as unknown as Listenable).addEventListener(name, (event) => {
        if (this.player === player && !this.isDisposed) handler(event);
      });
    on("playing", () => this.settle("playing"));
    on("pause", () => this.settle("paused"));
    on("ended", () => this.settle("ended"));
    on("error", (event) => this.options.events.failed(event));
    return player;
  }

  private settle(state: PlayerState): void {
    if (this.isDisposed) return;
    this.isPlaying = state === "playing";
    this.options.events.time(this.time);
    this.options.events.state(state);
  }

  private attempt(promise: Promise<unknown>): void {
    promise.catch((error: unknown) => {
      if (!this.isDisposed) this.options.events.failed(error);
    });
  }

  private addLayer(): HTMLDivElement {
    const layer = document.createElement("div");
    layer.style.position = "absolute";
    layer.style.inset = "0";
    this.container.append(layer);
    return layer;
  }
}
