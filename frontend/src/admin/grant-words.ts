import type { Action, Grant } from "@/api/types";
import type { Translate } from "@/i18n/text";
import { msg } from "@/i18n/text";

export const actionLabels: Record<Action, { label: string; meaning: string }> = {
  connect: { label: msg("connect"), meaning: msg("Open terminals on the host. They are always recorded.") },
  view_own: { label: msg("replay own sessions"), meaning: msg("Find and replay what this person did there.") },
  audit: { label: msg("replay all sessions"), meaning: msg("Find, replay and verify what anybody did there.") },
  terminate: { label: msg("end sessions"), meaning: msg("End running sessions of others, with a reason.") },
  export: {
    label: msg("exact copies"),
    meaning: msg(
      "Download evidence bundles, replay pages and raw output of the recordings that this person may replay.",
    ),
  },
  view_input: {
    label: msg("see input"),
    meaning: msg("See in replays and downloads what was typed, where it was recorded. Without this it is left out."),
  },
};

export const actions = Object.keys(actionLabels) as Action[];

export const grantStates: Record<Grant["state"], string> = {
  active: msg("Active"),
  pending: msg("Begins later"),
  expired: msg("Expired"),
  revoked: msg("Withdrawn"),
};

/** `connect, replay own sessions`. */
export function listActions(t: Translate, allowed: readonly Action[]): string {
  return allowed.map((action) => t(actionLabels[action].label)).join(t(", "));
}

export function whoOf(grant: Grant): string {
  return grant.user?.name ?? grant.group?.name ?? "–";
}

export function whereOf(grant: Grant): string {
  return grant.host?.name ?? grant.host_group?.name ?? "–";
}
