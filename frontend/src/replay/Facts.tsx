import { Box } from "@mantine/core";
import type { ReactNode } from "react";
import type { Session } from "@/api/types";
import { formatBytes, formatDuration, useFormats } from "@/i18n/formats";
import { translateServerWords } from "@/i18n/serverWords";
import { useText } from "@/i18n/text";
import { gapsOf, missingSeconds } from "@/proof/gaps";
import { SessionProof } from "@/proof/SessionProof";
import { lengthOf } from "@/sessions/length";
import { FactTable } from "@/shell/FactTable";
import { IdText } from "@/shell/IdText";
import { TimeText } from "@/shell/TimeText";
import classes from "./Replay.module.css";

interface FactsProps {
  session: Session;
  /** Seconds without what is skipped as idle; null when that is not known. */
  activeSeconds: number | null;
}

export function Facts({ session, activeSeconds }: FactsProps) {
  const t = useText();
  const { number } = useFormats();
  const length = lengthOf(session);
  const ended = translateServerWords(session.end_detail, t) || exitWords(session);
  const gaps = gapsOf(session);
  const missing = missingSeconds(gaps);
  const missingWords =
    missing === null
      ? t("{count, plural, one {# gap} other {# gaps}}", { count: gaps.length })
      : t("{length} in {count, plural, one {# gap} other {# gaps}}", {
          length: formatDuration(missing),
          count: gaps.length,
        });
  const facts: (readonly [string, ReactNode])[] = [
    [t("State"), <SessionProof key="state" session={session} />],
    [t("Person"), session.user],
    [t("Host"), session.host],
    [t("Account"), session.account || "–"],
    [t("Started"), <TimeText key="started" at={session.started_at} relative />],
    [t("Ended"), session.ended_at ? <TimeText key="ended" at={session.ended_at} /> : t("Still running")],
    [t("How it ended"), ended || "–"],
    [
      t("Length"),
      length === null
        ? "–"
        : activeSeconds === null
          ? formatDuration(length)
          : t("{length} · active {active}", { length: formatDuration(length), active: formatDuration(activeSeconds) }),
    ],
    ...(gaps.length > 0 ? [[t("Missing"), missingWords] as const] : []),
    [t("Screen at the start"), `${session.cols}×${session.rows}`],
    [
      t("Output"),
      `${formatBytes(session.output_bytes)} · ${t("{count, plural, one {# event} other {# events}}", { count: session.events })}`,
    ],
    [t("Commands"), session.command_count === null ? "–" : number(session.command_count)],
    [t("Id"), <IdText key="id" id={session.id} path={`/sessions/${session.id}`} />],
  ];
  return (
    <div className={classes.scroll}>
      <Box p="xs">
        <FactTable facts={facts} />
      </Box>
    </div>
  );
}

function exitWords({ exit_status: status, exit_signal: signal }: Session): string {
  if (signal) return `SIG${signal.replace(/^SIG/, "")}`;
  return status === null ? "" : String(status);
}
