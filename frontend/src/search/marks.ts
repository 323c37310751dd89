export interface Piece {
  /** Code points from the beginning. */
  at: number;
  text: string;
  isMarked: boolean;
}

/** Cuts `text` at marks, which are [begin, end) in code points, as Python counts them. Overlaps and rubbish are passed over. */
export function cutByMarks(text: string, marks: readonly (readonly [number, number])[]): Piece[] {
  const points = Array.from(text);
  const pieces: Piece[] = [];
  let at = 0;
  const cut = (until: number, isMarked: boolean) => {
    if (until > at) pieces.push({ at, text: points.slice(at, until).join(""), isMarked });
    at = Math.max(at, until);
  };
  for (const [begin, end] of [...marks].sort(([a], [b]) => a - b)) {
    cut(Math.min(begin, points.length), false);
    cut(Math.min(end, points.length), true);
  }
  cut(points.length, false);
  return pieces;
}
