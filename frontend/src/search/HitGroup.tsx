import { Button, Text } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { SearchHit } from "@/api/types";
import { formatOffset } from "@/i18n/formats";
import { useText } from "@/i18n/text";
import { SessionProof } from "@/proof/SessionProof";
import { hashOfTime } from "@/replay/address";
import { IdText } from "@/shell/IdText";
import { TimeText } from "@/shell/TimeText";
import { kindWords } from "./kinds";
import classes from "./Search.module.css";
import { Snippet } from "./Snippet";

export interface Group {
  key: string;
  session: SearchHit["session"];
  hits: SearchHit[];
}

/** Hits of one session together, in the order in which their sessions come first. */
export function groupBySession(hits: readonly SearchHit[]): Group[] {
  const groups = new Map<string, Group>();
  for (const hit of hits) {
    const { id } = hit.session;
    const group = groups.get(id) ?? { key: id, session: hit.session, hits: [] };
    group.hits.push(hit);
    groups.set(id, group);
  }
  return [...groups.values()];
}

const shownAtFirst = 3;

export function HitGroup({ group: { session, hits } }: { group: Group }) {
  const t = useText();
  const [isOpen, setOpen] = useState(false);
  const shown = isOpen ? hits : hits.slice(0, shownAtFirst);
  return (
    <section className={classes.session} aria-label={`${session.user} → ${session.host}`}>
      <div className={classes.head}>
        <Text component={Link} to={`/sessions/${session.id}`} fw={600} c="var(--mantine-color-text)">
          {session.user} → {session.host}
        </Text>
        <Text size="sm" c="dimmed">
          <TimeText at={session.started_at} />
        </Text>
        <SessionProof session={session} />
        <IdText id={session.id} path={`/sessions/${session.id}`} />
        <Text size="sm" c="dimmed" ml="auto">
          {t("{count, plural, one {# hit} other {# hits}}", { count: hits.length })}
        </Text>
      </div>
      <ul className={classes.hits}>
        {shown.map((hit) => (
          <li key={`${hit.t} ${hit.kind} ${hit.snippet}`}>
            <HitLink hit={hit} />
          </li>
        ))}
      </ul>
      {hits.length > shown.length && (
        <Button variant="subtle" size="compact-sm" fullWidth radius={0} onClick={() => setOpen(true)}>
          {t("{count, plural, one {# more here} other {# more here}}", { count: hits.length - shown.length })}
        </Button>
      )}
    </section>
  );
}

function HitLink({ hit }: { hit: SearchHit }) {
  const t = useText();
  return (
    <Link className={classes.hit ?? ""} to="/sessions/$id" params={{ id: hit.session.id }} hash={hashOfTime(hit.t)}>
      <span className={classes.when}>
        <TimeText at={hit.at} clock />
        <span>{formatOffset(hit.t)}</span>
        <span>{t(kindWords[hit.kind])}</span>
      </span>
      <Snippet text={hit.snippet} marks={hit.marks} />
      <IconChevronRight size={16} aria-hidden="true" />
    </Link>
  );
}
