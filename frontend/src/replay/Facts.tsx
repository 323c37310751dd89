import { Alert, Anchor, Button, Group, Stack, Table, Text } from "@mantine/core";
import { IconShieldCheck, IconShieldX } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api, apiUrl } from "@/api/client";
import type { Session } from "@/api/types";
import { formatBytes, formatDuration, useFormats } from "@/i18n/formats";
import { useText } from "@/i18n/text";
import { lengthOf } from "@/sessions/length";
import { ErrorAlert } from "@/shell/Feedback";
import { IdText } from "@/shell/IdText";
import { SessionState } from "@/shell/StateBadge";
import { TimeText } from "@/shell/TimeText";
import { translateServerWords } from "@/terminal/serverWords";
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
  const facts: [string, ReactNode][] = [
    [t("State"), <SessionState key="state" session={session} />],
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
      <Stack gap="lg" p="xs">
        <Table variant="vertical" layout="fixed" verticalSpacing={4}>
          <Table.Tbody>
            {facts.map(([name, value]) => (
              <Table.Tr key={name}>
                <Table.Th w={140} fw={500} c="dimmed" bg="transparent">
                  {name}
                </Table.Th>
                <Table.Td style={{ overflowWrap: "anywhere" }}>{value}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
        <Verification session={session} />
        <Downloads id={session.id} />
      </Stack>
    </div>
  );
}

function exitWords({ exit_status: status, exit_signal: signal }: Session): string {
  if (signal) return `SIG${signal.replace(/^SIG/, "")}`;
  return status === null ? "" : String(status);
}

/** What sessions/<id>/verify answers. */
interface Verdict {
  /** Undecided: something that is needed could not be read. */
  verdict: "intact" | "altered" | "undecided";
  segments: number;
  /** The last link of the chain, SHA-256 in hex. */
  chain: string;
  problems: { segment: number | null; problem: string }[];
}

function Verification({ session }: { session: Session }) {
  const t = useText();
  const verify = useMutation({ mutationFn: () => api.get<Verdict>(`sessions/${session.id}/verify`) });
  const proofs: Record<Session["proof"], string> = {
    open: t("The recording is still open. What is stored so far can be checked."),
    sealed: t("The recording is sealed: every stored part is bound to the ones before it."),
    recovered: t("The recording was completed after its process died, and then sealed."),
    imported: t("The recording was imported from a file. Bastion cannot say what happened before that."),
    none: t("There is no recording."),
  };
  return (
    <Stack gap="xs" align="flex-start">
      <Text fw={600} component="h3" size="sm">
        {t("Proof")}
      </Text>
      <Text size="sm">{proofs[session.proof]}</Text>
      {session.proof !== "none" && (
        <Button size="xs" variant="default" loading={verify.isPending} onClick={() => verify.mutate()}>
          {t("Verify the recording")}
        </Button>
      )}
      {verify.isError && <ErrorAlert error={verify.error} title={t("The recording could not be checked.")} />}
      {verify.data && <VerdictAlert verdict={verify.data} />}
    </Stack>
  );
}

function VerdictAlert({ verdict }: { verdict: Verdict }) {
  const t = useText();
  if (verdict.verdict === "intact") {
    return (
      <Alert color="green" icon={<IconShieldCheck aria-hidden="true" />} role="status" w="100%">
        <Text size="sm">
          {t("Verified: {count} of {count} segments match their chain.", { count: verdict.segments })}
        </Text>
        <Text size="xs" style={{ overflowWrap: "anywhere" }}>
          {t("Last link:")} <span className="mono">{verdict.chain}</span>
        </Text>
      </Alert>
    );
  }
  const isAltered = verdict.verdict === "altered";
  return (
    <Alert
      color={isAltered ? "red" : "yellow"}
      icon={<IconShieldX aria-hidden="true" />}
      title={
        isAltered
          ? t("Altered: do not rely on this recording.")
          : t("Not decided: something that is needed for the check could not be read.")
      }
      role="alert"
      w="100%"
    >
      <Stack gap={2}>
        {verdict.problems.map(({ segment, problem }) => (
          <Text size="sm" key={`${segment} ${problem}`}>
            {segment === null ? problem : t("Segment {segment}: {problem}", { segment, problem })}
          </Text>
        ))}
      </Stack>
    </Alert>
  );
}

function Downloads({ id }: { id: string }) {
  const t = useText();
  return (
    <Stack gap={4} align="flex-start">
      <Text fw={600} component="h3" size="sm">
        {t("Downloads")}
      </Text>
      <Text size="sm" c="dimmed">
        {t("Each download is logged.")}
      </Text>
      <Group gap="md">
        {downloadsOf(id).map(({ href, name }) => (
          <Anchor key={name} href={href} download size="sm" className="mono">
            {name}
          </Anchor>
        ))}
      </Group>
    </Stack>
  );
}

export function downloadsOf(id: string): { href: string; name: string; hint: "cast2" | "cast3" | "raw" | "text" }[] {
  const path = `sessions/${id}`;
  return [
    { href: apiUrl(`${path}/recording.cast`, { version: 2, download: 1 }), name: "recording.cast", hint: "cast2" },
    { href: apiUrl(`${path}/recording.cast`, { version: 3, download: 1 }), name: "recording.cast v3", hint: "cast3" },
    { href: apiUrl(`${path}/recording.raw`, { download: 1 }), name: "recording.raw", hint: "raw" },
    { href: apiUrl(`${path}/transcript.txt`, { download: 1 }), name: "transcript.txt", hint: "text" },
  ];
}
