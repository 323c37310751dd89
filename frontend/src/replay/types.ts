/** replay.json: what the player reads of it is in asciinema-player's segmented format. */
export interface ReplayIndex {
  /** Shown seconds. */
  duration: number;
  /** Seconds since the session started. */
  true_duration: number;
  term: { cols: number; rows: number };
  map: [number, number][];
  segments: { start: number; url: string }[];
  idle: "keep" | "skip";
  /** False while the recording still grows. */
  complete: boolean;
}

/** A place that the person looks for, in seconds since the session started. */
export interface Moment {
  t: number;
}
