import { Anchor, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { AuditEvent } from "@/api/types";
import { useText } from "@/i18n/text";
import { StateBadge } from "@/shell/StateBadge";
import { outcomeWords, pageOf } from "./words";

export function ObjectLink({ event }: { event: AuditEvent }) {
  const id = event.session ?? event.object_id;
  const page = pageOf(event.session ? "session" : event.object_type, id);
  const name = event.object_name || (event.session ?? event.object_id).slice(0, 8);
  return page && name ? (
    <Anchor component={Link} to={page} inherit>
      {name}
    </Anchor>
  ) : (
    name || "–"
  );
}

export function Outcome({ outcome }: { outcome: string }) {
  const t = useText();
  const word = t(outcomeWords[outcome] ?? outcome);
  // The normal case is quiet.
  return outcome === "ok" ? (
    <Text span inherit c="dimmed">
      {word}
    </Text>
  ) : (
    <StateBadge kind="refused" word={word} />
  );
}
