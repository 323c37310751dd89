import { apiUrl } from "@/api/client";
import type { Action, Session } from "@/api/types";
import { msg } from "@/i18n/text";

export interface Download {
  name: string;
  href: string;
  /** What it is, to be translated. */
  hint: string;
  /** Why it cannot be had, to be translated; empty when it can. */
  refusal: string;
}

interface Kind {
  name: string;
  path: string;
  hint: string;
  needs: readonly Action[];
  /** Made of the sealed recording only. */
  isSealed?: boolean;
}

const kinds: readonly Kind[] = [
  {
    name: "evidence.zip",
    path: "evidence.zip",
    hint: msg("The stored recording with its proof, and a program that checks both anywhere"),
    needs: ["export", "view_input"],
    isSealed: true,
  },
  {
    name: "replay.html",
    path: "replay.html",
    hint: msg("A page that plays it in any browser, offline"),
    needs: ["export"],
  },
  {
    name: "recording.cast",
    path: "recording.cast?version=2&download=1",
    hint: msg("asciicast version 2, for asciinema players"),
    needs: [],
  },
  {
    name: "recording.cast v3",
    path: "recording.cast?version=3&download=1",
    hint: msg("asciicast version 3"),
    needs: [],
  },
  {
    name: "recording.raw",
    path: "recording.raw?download=1",
    hint: msg("The bytes as the host sent them"),
    needs: ["export"],
  },
  {
    name: "transcript.txt",
    path: "transcript.txt?download=1",
    hint: msg("What was on the screen, as text"),
    needs: [],
  },
];

const missing: Partial<Record<Action, string>> = {
  export: msg("Needs a grant for exact copies on this host."),
  view_input: msg("Needs a grant to see input on this host."),
};

/** All files of a recording, also those that this person may not have, with the reason. */
export function downloadsOf(session: Pick<Session, "id" | "state" | "actions">): Download[] {
  const isSealed = ["sealed", "recovered", "imported"].includes(session.state);
  return kinds.map(({ name, path, hint, needs, isSealed: mustBeSealed = false }) => {
    const lacking = needs.find((action) => !session.actions.includes(action));
    const refusal = lacking ? missing[lacking] : mustBeSealed && !isSealed ? notSealed : undefined;
    return { name, href: apiUrl(`sessions/${session.id}/${path}`), hint, refusal: refusal ?? "" };
  });
}

const notSealed = msg("It can be made once the recording is sealed.");
