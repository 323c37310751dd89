import { describe, expect, it } from "vitest";
import { cutByMarks } from "./marks";

function show(text: string, marks: [number, number][]): string {
  return cutByMarks(text, marks)
    .map((piece) => (piece.isMarked ? `⟦${piece.text}⟧` : piece.text))
    .join("");
}

describe("marks", () => {
  it("counts code points, not UTF-16 units", () => {
    expect(
      show("😀 中文 rm -rf", [
        [2, 4],
        [5, 7],
      ]),
    ).toBe("😀 ⟦中文⟧ ⟦rm⟧ -rf");
  });

  it.each<[[number, number][], string]>([
    [[], "abcdef"],
    [[[0, 6]], "⟦abcdef⟧"],
    [
      [
        [4, 5],
        [1, 2],
      ],
      "a⟦b⟧cd⟦e⟧f",
    ],
    [
      [
        [1, 4],
        [2, 3],
      ],
      "a⟦bcd⟧ef",
    ],
    [
      [
        [1, 3],
        [2, 5],
      ],
      "a⟦bc⟧⟦de⟧f",
    ],
    [[[5, 99]], "abcde⟦f⟧"],
    [[[3, 3]], "abcdef"],
  ])("with %j", (marks, expected) => {
    expect(show("abcdef", marks)).toBe(expected);
  });
});
