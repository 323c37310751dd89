import { Badge, useComputedColorScheme } from "@mantine/core";
import type { Session } from "@/api/types";
import { useText } from "@/i18n/text";
import { type StateKind, sessionStates, stateLooks } from "./states";

interface StateBadgeProps {
  kind: StateKind;
  /** Already translated; the look's own word when left out. */
  word?: string | undefined;
}

/** One meaning: icon, word and colour together, never colour alone. */
export function StateBadge({ kind, word }: StateBadgeProps) {
  const t = useText();
  const scheme = useComputedColorScheme("light");
  const { icon: Icon, word: own, ...looks } = stateLooks[kind];
  const [color, tint] = looks[scheme];
  return (
    <Badge
      leftSection={<Icon size={12} aria-hidden="true" />}
      style={{
        color,
        backgroundColor: tint,
        border: kind === "unverified" ? `1px dashed ${color}` : undefined,
        flexShrink: 0,
      }}
    >
      {word ?? t(own)}
    </Badge>
  );
}

export function SessionState({ session }: { session: Pick<Session, "state"> & Partial<Pick<Session, "has_gaps">> }) {
  const t = useText();
  if (session.has_gaps) {
    return <StateBadge kind="warning" />;
  }
  const { kind, word } = sessionStates[session.state];
  return <StateBadge kind={kind} word={word && t(word)} />;
}
