/** A moment of the recording: seconds since the session started. */
export type TrueTime = number;
/** The same moment as the player counts it, with silences cut short when idle time is skipped. */
export type ShownTime = number;

/** Converts between the two times along straight lines between nodes, which rise in both (`map` in replay.json). */
export class TimeMap {
  private readonly nodes: readonly (readonly [TrueTime, ShownTime])[];

  constructor(nodes: readonly (readonly [TrueTime, ShownTime])[]) {
    this.nodes =
      nodes.length >= 2
        ? nodes
        : [
            [0, 0],
            [1, 1],
          ];
  }

  toShown(time: TrueTime): ShownTime {
    return this.convert(time, 0, 1);
  }

  toTrue(time: ShownTime): TrueTime {
    return this.convert(time, 1, 0);
  }

  /** Stretches of shown time that stand for more true time than they last. */
  get cuts(): { from: ShownTime; to: ShownTime; seconds: number }[] {
    const cuts: { from: ShownTime; to: ShownTime; seconds: number }[] = [];
    for (let n = 1; n < this.nodes.length; n += 1) {
      const [trueFrom, from] = this.node(n - 1);
      const [trueTo, to] = this.node(n);
      const seconds = trueTo - trueFrom;
      if (seconds - (to - from) > 0.001) cuts.push({ from, to, seconds });
    }
    return cuts;
  }

  private convert(time: number, from: 0 | 1, to: 0 | 1): number {
    const at = this.lineAt(time, from);
    const begin = this.node(at);
    const end = this.node(at + 1);
    const length = end[from] - begin[from];
    if (length <= 0) return begin[to];
    return Math.max(0, begin[to] + ((time - begin[from]) * (end[to] - begin[to])) / length);
  }

  /** The line that has `time` on it; the first and the last one go on beyond their nodes. */
  private lineAt(time: number, axis: 0 | 1): number {
    let low = 0;
    let high = this.nodes.length - 2;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.node(middle)[axis] <= time) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private node(n: number): readonly [number, number] {
    return this.nodes[n] ?? [0, 0];
  }
}
