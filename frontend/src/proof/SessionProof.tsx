import { Group } from "@mantine/core";
import type { Session } from "@/api/types";
import { useText } from "@/i18n/text";
import { StateBadge } from "@/shell/StateBadge";
import { looksOf, type Provable } from "./looks";
import { useVerification } from "./useVerification";

interface SessionProofProps {
  session: Provable & Pick<Session, "id"> & Partial<Pick<Session, "held">>;
  /** For rows: a hold is only an icon. */
  isCompact?: boolean;
}

/** Whether a session runs, and how far its recording can be relied on. */
export function SessionProof({ session, isCompact = false }: SessionProofProps) {
  const t = useText();
  const { data } = useVerification(session.id);
  return (
    <Group gap={4} component="span" wrap={isCompact ? "nowrap" : "wrap"}>
      {looksOf(session, data?.verdict, t).map(({ kind, word }) => (
        <StateBadge key={kind} kind={kind} word={word} />
      ))}
      {session.held && <StateBadge kind="hold" isCompact={isCompact} />}
    </Group>
  );
}
