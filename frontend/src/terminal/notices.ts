/** What the server says to the person beside the output (`{"type": "notice"}`), and how long it stays true. */
import type { TerminalTab } from "./store";

export const stalled = "Recording is slow: the terminal waits for the disk.";
const goesOn = "Recording goes on.";

/** What of a tab changes with a notice. The stall has a beginning and an end; other notices stay until they are closed. */
export function takeNotice(notice: string): Partial<Pick<TerminalTab, "notice" | "isStalled">> {
  switch (notice) {
    case stalled:
      return { isStalled: true };
    case goesOn:
      return { isStalled: false };
    default:
      return { notice };
  }
}
