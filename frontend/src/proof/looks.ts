import type { Session, Verification } from "@/api/types";
import { formatDuration } from "@/i18n/formats";
import { msg, type Translate } from "@/i18n/text";
import { type StateKind, sessionStates } from "@/shell/states";
import { gapsOf, missingSeconds } from "./gaps";

/** What is known of a session where its state is shown; search knows the state alone. */
export type Provable = Pick<Session, "state"> & Partial<Pick<Session, "proof" | "has_gaps" | "gaps" | "deleted_under">>;

export interface Look {
  kind: StateKind;
  /** Already translated; the look's own word when left out. */
  word?: string;
}

/** How the server begins the grounds of a deletion that no policy made. */
const byOrder = "an order: ";

/**
 * How far a recording can be relied on, the most important first: what is altered or missing comes before what is
 * well. `verdict` is of a check that was made on this page; without one nothing is called verified.
 */
export function looksOf(session: Provable, verdict: Verification["verdict"] | undefined, t: Translate): Look[] {
  const isRunning = sessionStates[session.state].kind === "live";
  if (verdict === "altered") return [{ kind: "refused", word: t("Altered") }];
  if (session.proof === "deleted") {
    return [
      session.deleted_under?.startsWith(byOrder)
        ? { kind: "deleted", word: t("Deleted by order") }
        : { kind: "deleted" },
    ];
  }
  const hasGap = session.proof === "gap" || session.has_gaps === true;
  const gap = { kind: "warning", word: gapWord(session, t) } as const;
  if (isRunning) return hasGap ? [stateLook(session, t), gap] : [stateLook(session, t)];
  if (hasGap) return [gap];
  if (verdict !== "intact") return [stateLook(session, t)];
  if (session.state === "sealed") return [{ kind: "verified" }];
  if (session.state === "recovered") return [{ kind: "recovered", word: t("Recovered and verified") }];
  if (session.state === "imported") return [{ kind: "imported", word: t("Imported and verified") }];
  return [stateLook(session, t)];
}

function stateLook({ state }: Provable, t: Translate): Look {
  const { kind, word } = sessionStates[state];
  return word ? { kind, word: t(word) } : { kind };
}

function gapWord(session: Provable, t: Translate): string {
  const seconds = missingSeconds(gapsOf(session));
  return seconds ? t("Gap {length}", { length: formatDuration(seconds) }) : t("Gap");
}

/** The same in a sentence, for the page of the recording. */
export const proofSentences: Record<Session["proof"], string> = {
  open: msg("The recording is not sealed yet. What is stored so far can be checked."),
  sealed: msg("The recording is sealed: a signed list binds every stored part, and their order."),
  recovered: msg("The recording was completed after its process died, and then sealed."),
  gap: msg("Some of the session is missing from the recording. What is there is sealed, and the gaps are marked."),
  imported: msg("The recording was imported from a file. Bastion cannot say what happened before that."),
  deleted: msg("The recording was deleted. Its seal and its lines in the audit log stay."),
  none: msg("There is no recording."),
};
