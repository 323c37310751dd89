import {
  IconAlertTriangle,
  IconCircleFilled,
  IconFileImport,
  IconGavel,
  IconLoader2,
  IconLock,
  IconRestore,
  IconShieldCheck,
  IconShieldQuestion,
  IconShieldX,
  IconTrash,
  type TablerIcon,
} from "@tabler/icons-react";
import type { SessionState } from "@/api/types";
import { msg } from "@/i18n/text";

export type StateKind =
  | "live"
  | "progress"
  | "sealed"
  | "verified"
  | "recovered"
  | "warning"
  | "refused"
  | "unverified"
  | "imported"
  | "hold"
  | "deleted";

interface StateLook {
  icon: TablerIcon;
  word: string;
  /** Text on tint; every pair has a contrast of at least 5.5. */
  light: readonly [text: string, tint: string];
  dark: readonly [text: string, tint: string];
}

export const stateLooks: Record<StateKind, StateLook> = {
  live: { icon: IconCircleFilled, word: msg("Live"), light: ["#17703a", "#e6f6ec"], dark: ["#5fd38a", "#14301f"] },
  progress: {
    icon: IconLoader2,
    word: msg("In progress"),
    light: ["#1f5fb0", "#e7f0fc"],
    dark: ["#86b6ff", "#17273f"],
  },
  sealed: { icon: IconLock, word: msg("Sealed"), light: ["#4b5563", "#eef0f3"], dark: ["#bcc4cf", "#272d37"] },
  verified: {
    icon: IconShieldCheck,
    word: msg("Sealed and verified"),
    light: ["#17703a", "#e6f6ec"],
    dark: ["#5fd38a", "#14301f"],
  },
  recovered: { icon: IconRestore, word: msg("Recovered"), light: ["#6a3fb5", "#f2ecfc"], dark: ["#c3a5fb", "#2a2040"] },
  warning: { icon: IconAlertTriangle, word: msg("Gap"), light: ["#8a5000", "#fff3dc"], dark: ["#f5b84b", "#37280d"] },
  refused: { icon: IconShieldX, word: msg("Refused"), light: ["#b3261e", "#fdeceb"], dark: ["#ff8f85", "#401a18"] },
  unverified: {
    icon: IconShieldQuestion,
    word: msg("Not yet verified"),
    light: ["#5a6473", "#ffffff"],
    dark: ["#a3adba", "#1a1e25"],
  },
  imported: {
    icon: IconFileImport,
    word: msg("Imported"),
    light: ["#0b6a78", "#e2f5f8"],
    dark: ["#5cc8da", "#10303a"],
  },
  hold: { icon: IconGavel, word: msg("Legal hold"), light: ["#8f2a6b", "#fbeaf4"], dark: ["#f199cd", "#3b1a30"] },
  deleted: {
    icon: IconTrash,
    word: msg("Deleted under policy"),
    light: ["#4b5563", "#eef0f3"],
    dark: ["#bcc4cf", "#272d37"],
  },
};

/** How a session's state is shown: the look, and the word when it is not the look's own. */
export const sessionStates: Record<SessionState, { kind: StateKind; word?: string }> = {
  live: { kind: "live" },
  detached: { kind: "live", word: msg("Live, browser away") },
  ended: { kind: "progress", word: msg("Not yet sealed") },
  sealed: { kind: "sealed" },
  recovered: { kind: "recovered" },
  failed: { kind: "refused", word: msg("Not recorded") },
  imported: { kind: "imported" },
};
