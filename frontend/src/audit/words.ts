import { msg } from "@/i18n/text";

/** What each action of the ledger is called; the code stands beside it, as it is what the API and the filter take. */
export const actionWords: Record<string, string> = {
  "sign_in.ok": msg("Signed in"),
  "sign_in.failed": msg("Failed to sign in"),
  sign_out: msg("Signed out"),
  "notice.accepted": msg("Accepted the notice"),
  "password.changed": msg("Changed the password"),
  "session.started": msg("Started a session"),
  "session.ended": msg("Session ended"),
  "session.denied": msg("Was refused a session"),
  "session.terminated": msg("Ended somebody’s session"),
  "session.anchored": msg("Session anchored"),
  "host_key.changed": msg("Host showed another key"),
  "recording.viewed": msg("Viewed a recording"),
  "recording.downloaded": msg("Downloaded a recording"),
  "recording.sealed": msg("Recording sealed"),
  "recording.imported": msg("Imported a recording"),
  "recording.recovered": msg("Recording recovered"),
  "recording.verified": msg("Verified a recording"),
  "recording.deleted": msg("Deleted a recording"),
  "retention.changed": msg("Changed a retention policy"),
  "hold.placed": msg("Placed a legal hold"),
  "hold.released": msg("Released a legal hold"),
  "key.rotated": msg("Changed the signing key"),
  "key.rewrapped": msg("Wrapped recording keys again"),
  "search.performed": msg("Searched recordings"),
  "audit.exported": msg("Exported the audit log"),
  "host.created": msg("Added a host"),
  "host.changed": msg("Changed a host"),
  "host.retired": msg("Retired a host"),
  "host_key.pinned": msg("Pinned a host key"),
  "host_key.unpinned": msg("Removed a host key"),
  "host_group.created": msg("Added a host group"),
  "host_group.changed": msg("Changed a host group"),
  "host_group.deleted": msg("Deleted a host group"),
  "credential.created": msg("Stored a credential"),
  "credential.changed": msg("Changed a credential"),
  "credential.deleted": msg("Deleted a credential"),
  "grant.created": msg("Gave access"),
  "grant.revoked": msg("Withdrew access"),
  "user.created": msg("Added a user"),
  "user.changed": msg("Changed a user"),
  "user.deleted": msg("Deleted a user"),
  "group.created": msg("Added a group"),
  "group.changed": msg("Changed a group"),
  "group.deleted": msg("Deleted a group"),
  "token.created": msg("Made an API token"),
  "token.revoked": msg("Revoked an API token"),
  "setting.changed": msg("Changed a setting"),
};

const groupWords: readonly [prefix: RegExp, label: string][] = [
  [/^(sign_|notice|password)/, msg("Signing in")],
  [/^session\./, msg("Sessions")],
  [/^(recording|search|audit)\./, msg("Recordings")],
  [/^(retention|hold|key)\./, msg("Evidence")],
  [/^host/, msg("Hosts")],
  [/^(credential|grant|token)\./, msg("Access")],
  [/.*/, msg("People and settings")],
];

/** The actions in groups, for menus; both names are messages. */
export function groupedActions(): { group: string; actions: { value: string; label: string }[] }[] {
  const groups = new Map<string, { value: string; label: string }[]>();
  for (const [value, label] of Object.entries(actionWords)) {
    const group = groupWords.find(([prefix]) => prefix.test(value))?.[1] ?? "";
    groups.set(group, [...(groups.get(group) ?? []), { value, label }]);
  }
  return [...groups].map(([group, actions]) => ({ group, actions }));
}

export const outcomeWords: Record<string, string> = {
  ok: msg("Done"),
  denied: msg("Denied"),
  failed: msg("Failed"),
};

/** Where an object of the ledger has its page; undefined when it has none. */
export function pageOf(type: string, id: string): string | undefined {
  switch (type) {
    case "session":
    case "recording":
      return `/sessions/${id}`;
    case "host":
      return "/admin/hosts";
    case "host_group":
      return "/admin/host-groups";
    case "credential":
      return "/admin/credentials";
    case "grant":
      return "/admin/grants";
    case "retention_policy":
      return "/admin/retention";
    case "legal_hold":
      return "/admin/legal-holds";
    case "user":
      return "/admin/users";
    case "group":
      return "/admin/groups";
    default:
      return undefined;
  }
}
