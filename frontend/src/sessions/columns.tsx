import { Group, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Session } from "@/api/types";
import { useFormats } from "@/i18n/formats";
import { useText } from "@/i18n/text";
import { SessionProof } from "@/proof/SessionProof";
import type { Column } from "@/shell/DataTable";
import { IdText } from "@/shell/IdText";
import { Bytes, Duration, TimeText } from "@/shell/TimeText";
import { lengthOf } from "./length";
import { SessionMenu } from "./SessionMenu";

export function useSessionColumns(): Column<Session>[] {
  const t = useText();
  const { zoneName, number } = useFormats();
  return useMemo(
    () => [
      {
        key: "state",
        header: t("State"),
        width: 180,
        narrow: "end",
        render: (session) => <SessionProof session={session} isCompact />,
      },
      {
        key: "who",
        header: t("Person"),
        narrow: "first",
        render: (session) => (
          <Link to="/sessions/$id" params={{ id: session.id }} style={{ color: "inherit", fontWeight: 600 }}>
            {session.user}
          </Link>
        ),
      },
      { key: "where", header: t("Host · account"), narrow: "first", render: (session) => <Where session={session} /> },
      {
        key: "started",
        header: t("Started ({zone})", { zone: zoneName }),
        narrow: "second",
        render: (session) => <TimeText at={session.started_at} relative />,
      },
      {
        key: "length",
        header: t("Length"),
        width: 110,
        narrow: "second",
        from: "sm",
        render: (session) => <Duration seconds={lengthOf(session)} />,
      },
      {
        key: "commands",
        header: t("Commands"),
        width: 90,
        align: "right",
        from: "md",
        render: (session) => (session.command_count === null ? "–" : number(session.command_count)),
      },
      {
        key: "size",
        header: t("Size"),
        width: 90,
        align: "right",
        from: "md",
        render: (session) => <Bytes bytes={session.output_bytes} />,
      },
      {
        key: "id",
        header: t("Id"),
        width: 90,
        from: "lg",
        render: (session) => <IdText id={session.id} path={`/sessions/${session.id}`} />,
      },
      { key: "menu", header: "", width: 44, narrow: "end", render: (session) => <SessionMenu session={session} /> },
    ],
    [t, zoneName, number],
  );
}

function Where({ session }: { session: Session }) {
  return (
    <Group gap={6} wrap="nowrap" component="span">
      <span>{session.host}</span>
      {session.account && (
        <Text span inherit c="dimmed">
          {session.account}
        </Text>
      )}
    </Group>
  );
}
